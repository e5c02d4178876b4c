"""The verdict of PyJWT on signed tokens.

Reads a file of JSON lines, `{"token", "jwk"}`, and prints one line for each, `accept` or `refuse`. Without
a `jwk` it is the key in the token's own header that counts.
"""

import json
import sys
import warnings

import jwt

ALGORITHMS = ["EdDSA", "ES256", "RS256"]


def verdict(token, jwk):
    try:
        if jwk is None:
            jwk = jwt.get_unverified_header(token)["jwk"]
        key = jwt.PyJWK(jwk)
        jwt.PyJWS().decode(token, key=key, algorithms=ALGORITHMS)
        return "accept"
    except Exception:
        return "refuse"


warnings.simplefilter("ignore")
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        case = json.loads(line)
        print(verdict(case["token"], case.get("jwk")))
