// The verdict of `jose` on signed tokens: reads a file of JSON lines, `{"token", "jwk"}`, and prints one
// line for each, `accept` or `refuse`. Without a `jwk` it is the key in the token's own header that counts.
import { readFileSync } from 'node:fs'
import { EmbeddedJWK, compactVerify, importJWK } from 'jose'

const algorithms = ['EdDSA', 'Ed25519', 'ES256', 'RS256']
const usual = { OKP: 'EdDSA', EC: 'ES256', RSA: 'RS256' }

async function verdict({ token, jwk }) {
  try {
    const key = jwk === undefined ? EmbeddedJWK : await importJWK(jwk, usual[jwk.kty])
    await compactVerify(token, key, { algorithms })
    return 'accept'
  } catch {
    return 'refuse'
  }
}

const lines = readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => line !== '')
const verdicts = []
for (const line of lines) verdicts.push(await verdict(JSON.parse(line)))
process.stdout.write(verdicts.join('\n') + '\n')
