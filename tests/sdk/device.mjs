// A phone for the React Native SDK: the part of its native module that sign-up, promotion and log-out reach.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  randomUUID,
  sign,
} from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { compileFunction } from "node:vm";

const sdkPath = createRequire(import.meta.url).resolve("@authgear/react-native");
const sdkSource = readFileSync(sdkPath, "utf8");

const base64url = (value) => Buffer.from(value).toString("base64url");
const newRsaKey = () =>
  generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
const signRs256 = (pem, input) =>
  sign("sha256", Buffer.from(input, "utf8"), createPrivateKey(pem)).toString("base64url");

function publicJwk(kid, pem) {
  const { kty, n, e } = createPublicKey(pem).export({ format: "jwk" });
  return { kid, alg: "RS256", kty, n, e };
}

/** Storage and keystore survive as long as the device does; an app on it can be launched again and again. */
export class Device {
  constructor({ dpop, storage = [], keystore = [] }) {
    this.dpop = dpop;
    this.storage = new Map(storage);
    this.keystore = new Map(keystore);
  }

  get anonymousKeyId() {
    return this.storage.get("authgear_default_anonymousKeyID");
  }

  get refreshToken() {
    return this.storage.get("authgear_default_refreshToken");
  }

  /** Another device onto which only the guest's key was carried over. */
  withOnlyKey(kid, options = {}) {
    const storage = [["authgear_default_anonymousKeyID", kid]];
    const copy = new Device({ dpop: this.dpop, storage, keystore: [[kid, this.keystore.get(kid)]] });
    copy.alwaysShowsKey = options.alwaysShowsKey ?? false;
    return copy;
  }

  /** Evaluates the SDK anew, as starting the app does, so that nothing but storage and keystore is carried over. */
  async launch(configuration) {
    const reactNative = {
      NativeModules: { AuthgearReactNative: this.#nativeModule() },
      Platform: { OS: "android" },
      NativeEventEmitter: class {
        addListener() {
          return { remove() {} };
        }
      },
    };
    const load = (name) => {
      if (name !== "react-native") throw new Error(`the SDK asks for the module ${name}`);
      return reactNative;
    };
    const module = { exports: {} };
    compileFunction(sdkSource, ["require", "module", "exports"], { filename: sdkPath })(load, module, module.exports);
    const container = new module.exports.ReactNativeContainer();
    await container.configure(configuration);
    return container;
  }

  #key(kid) {
    const pem = this.keystore.get(kid);
    if (pem === undefined) throw new Error(`no private key ${kid} on this device`);
    return pem;
  }

  #nativeModule() {
    const make = (kid) => this.keystore.set(kid, newRsaKey());
    return {
      storageGetItem: async (key) => this.storage.get(key) ?? null,
      storageSetItem: async (key, value) => void this.storage.set(key, value),
      storageDeleteItem: async (key) => void this.storage.delete(key),
      randomBytes: async (length) => [...randomBytes(length)],
      sha256String: async (input) => [...createHash("sha256").update(input, "utf8").digest()],
      generateUUID: async () => randomUUID(),
      getDeviceInfo: async () => ({
        android: { Build: { MODEL: "test", MANUFACTURER: "test", VERSION: { SDK_INT: "34" } } },
      }),
      dismiss: async () => undefined,

      getAnonymousKey: async (known) => {
        const kid = known ?? randomUUID();
        const isNew = !this.keystore.has(kid);
        if (isNew) make(kid);
        const jwk = isNew || this.alwaysShowsKey ? { jwk: publicJwk(kid, this.#key(kid)) } : {};
        return { kid, alg: "RS256", ...jwk };
      },
      signAnonymousToken: async (kid, input) => signRs256(this.#key(kid), input),
      removeBiometricPrivateKey: async () => undefined,

      // Booleans cross the bridge to native code as strings.
      checkDPoPSupported: async () => String(this.dpop),
      checkDPoPPrivateKey: async ({ kid }) => String(this.keystore.has(kid)),
      createDPoPPrivateKey: async ({ kid }) => void make(kid),
      signWithDPoPPrivateKey: async ({ kid, payload }) => {
        const header = { typ: "dpop+jwt", kid, alg: "RS256", jwk: publicJwk(kid, this.#key(kid)) };
        const input = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(payload))}`;
        return `${input}.${signRs256(this.#key(kid), input)}`;
      },
      computeDPoPJKT: async ({ kid }) => {
        const { e, kty, n } = publicJwk(kid, this.#key(kid));
        return createHash("sha256").update(JSON.stringify({ e, kty, n })).digest("base64url");
      },
    };
  }
}
