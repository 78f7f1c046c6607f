#!/usr/bin/python3
"""pymacaroons as an oracle, over l402ctl: oracle_test.cpp runs the cases.

    oracle_pymacaroons.py <l402ctl> <folder for files> <case>

Prints its seed (L402_SEED repeats a run); exits 0 where all agreed.
"""
import base64
import hashlib
import hmac
import json
import os
import random
import subprocess
import sys

from pymacaroons import Macaroon, Verifier
from pymacaroons.exceptions import MacaroonException

ROUNDS = 120
NOW = 1700000000

ctl, folder, case = sys.argv[1:4]
seed = int(os.environ.get("L402_SEED") or random.SystemRandom().getrandbits(63))
print(f"# L402_SEED={seed}", flush=True)
rng = random.Random(seed)

masters = [rng.randbytes(32), rng.randbytes(32)]
key_file = os.path.join(folder, f"oracle-keys.{os.getpid()}")


def write_keys():
    fd = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as f:
        f.writelines(m.hex() + " key\n" for m in masters)


def l402ctl(*words, stdin=""):
    run = subprocess.run([ctl, *words], input=stdin, text=True,
                         capture_output=True, check=False)
    assert run.returncode in (0, 1), run.stderr
    return run.stdout.strip()


def verify(token, preimage):
    return l402ctl("verify", "--key-file", key_file, "--service", "weather",
                   "--now", str(NOW), "-",
                   stdin=f"L402 {token}:{preimage.hex()}")


def root_key(key, identifier):
    return hmac.digest(masters[key], b"l402 root key v0" + identifier, "sha256")


def they_verify(macaroon, key):
    verifier = Verifier()
    verifier.satisfy_general(lambda caveat: True)
    try:
        return verifier.verify(macaroon, key)
    except MacaroonException:
        return False


def random_caveats():
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789_- :,;/\u00e9\u20ac"
    return ["x_" + "".join(rng.choices(alphabet, k=rng.randrange(90)))
            + rng.choice(["", "=", "=5", "=a=b"])
            for _ in range(rng.randrange(5))]


def theirs(version, key, caveats):
    preimage = rng.randbytes(32)
    identifier = (b"\0\0" + hashlib.sha256(preimage).digest()
                  + rng.randbytes(32))
    macaroon = Macaroon(location="lsat", identifier=identifier,
                        key=root_key(key, identifier), version=version)
    for caveat in caveats:
        macaroon.add_first_party_caveat(caveat)
    return macaroon, preimage


def mint(*words, key=0):
    out = json.loads(l402ctl("mint", "--json", "--key-file", key_file,
                             "--service", "weather:1", "--key", str(key + 1),
                             *words))
    return out, Macaroon.deserialize(out["macaroon"])


def what_we_mint_they_verify():
    for _ in range(ROUNDS):
        key = rng.randrange(2)
        caveats = random_caveats()
        words = [w for c in caveats for w in ("--caveat", c)]
        out, macaroon = mint("--valid-until", str(NOW + 60), *words, key=key)
        root = root_key(key, macaroon.identifier_bytes)
        assert they_verify(macaroon, root), out
        assert not they_verify(macaroon, root_key(1 - key,
                                                  macaroon.identifier_bytes))
        assert [c.caveat_id_bytes.decode() for c in macaroon.caveats] == [
            "services=weather:1", f"weather_valid_until={NOW + 60}",
            "services=weather:01",
            *caveats], (caveats, out)
        assert macaroon.location == "lsat"
        preimage = bytes.fromhex(out["preimage"])
        digest = hashlib.sha256(preimage).digest()
        assert macaroon.identifier_bytes[:34] == b"\0\0" + digest
        assert digest.hex() == out["payment_hash"]
        assert macaroon.identifier_bytes[34:].hex() == out["token_id"]


def what_they_mint_we_verify():
    for _ in range(ROUNDS):
        key = rng.randrange(2)
        caveats = ["services=weather:0", f"weather_valid_until={NOW + 1}",
                   *random_caveats()]
        macaroon, preimage = theirs(2, key, caveats)
        token = macaroon.serialize()
        assert verify(token, preimage) == "ok", token

        raw = bytearray(unpadded(token))
        at = rng.randrange(8 * len(raw))
        raw[at // 8] ^= 1 << at % 8
        assert verify(base64.b64encode(raw).decode(), preimage) != "ok", token


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


# pymacaroons 0.13 writes V1 of text identifiers only: so the identifier is
# given the V1 packets by hand, around its own signature.
def v1_of(macaroon, caveats):
    def packet(name, value):
        return f"{len(name) + len(value) + 6:04x}".encode() + name + b" " \
            + value + b"\n"

    return packet(b"location", b"lsat") \
        + packet(b"identifier", macaroon.identifier_bytes) \
        + b"".join(packet(b"cid", c.encode()) for c in caveats) \
        + packet(b"signature", bytes.fromhex(macaroon.signature))


def what_they_sign_we_verify_in_v1():
    for _ in range(ROUNDS):
        caveats = ["services=weather:0", *random_caveats()]
        macaroon, preimage = theirs(2, rng.randrange(2), caveats)
        token = base64.urlsafe_b64encode(v1_of(macaroon, caveats)).decode()
        assert verify(token, preimage) == "ok", token


def what_they_attenuate_we_verify():
    for _ in range(ROUNDS // 4):
        out, macaroon = mint("--no-expiry")
        preimage = bytes.fromhex(out["preimage"])
        for caveat, word in [("preimage=" + out["preimage"], "ok"),
                             ("services=weather:0", "ok"),
                             (f"weather_valid_until={NOW + 9}", "ok"),
                             (f"weather_valid_until={NOW}", "expired"),
                             (f"weather_valid_until={NOW + 1}",
                              "caveat_refused")]:
            macaroon.add_first_party_caveat(caveat)
            token = macaroon.serialize()
            assert verify(token, preimage) == word, (caveat, token)


# Long ones too; pymacaroons takes UTF-8 alone. NUL would end a command line.
def appended_caveats():
    alphabet = "abz019=,:%\n\t\x7f\u00e9\u20ac\U0001f600"
    return ["x_" + "".join(rng.choices(alphabet, k=rng.choice([3, 60, 600])))
            for _ in range(1 + rng.randrange(6))]


def what_either_appends_is_the_same_to_the_byte():
    for _ in range(ROUNDS // 2):
        out, macaroon = mint("--no-expiry")
        preimage = bytes.fromhex(out["preimage"])
        caveats = appended_caveats() + ["preimage=" + out["preimage"]]
        words = [w for c in caveats for w in ("--caveat", c)]
        ours = l402ctl("attenuate", *words,
                       stdin=f"L402 {out['macaroon']}:{out['preimage']}")

        for caveat in caveats:
            macaroon.add_first_party_caveat(caveat)
        token = base64.b64encode(unpadded(macaroon.serialize())).decode()
        assert ours == f"L402 {token}:{out['preimage']}", (caveats, ours)
        assert verify(token, preimage) == "ok", token
        assert they_verify(Macaroon.deserialize(token.replace("+", "-")
                                                .replace("/", "_")),
                           root_key(0, macaroon.identifier_bytes))


# V1 packets by hand around what they signed in V2, in every alphabet: and
# what they read in V2 again is what was signed.
def both_versions_are_one_token():
    for _ in range(ROUNDS // 2):
        key = rng.randrange(2)
        caveats = ["services=weather:0", *appended_caveats()]
        macaroon, preimage = theirs(2, key, caveats)
        v2 = unpadded(macaroon.serialize())
        v1 = v1_of(macaroon, caveats)
        for raw in (v2, v1):
            for text in (base64.b64encode(raw), base64.urlsafe_b64encode(raw),
                         base64.urlsafe_b64encode(raw).rstrip(b"=")):
                assert verify(text.decode(), preimage) == "ok", text
        again = Macaroon.deserialize(macaroon.serialize())
        assert they_verify(again, root_key(key, macaroon.identifier_bytes))


def their_third_party_caveats_we_refuse():
    for _ in range(ROUNDS // 4):
        macaroon, preimage = theirs(2, 0, ["services=weather:0"])
        assert verify(macaroon.serialize(), preimage) == "ok"
        macaroon.add_third_party_caveat("elsewhere", "a secret", "an id")
        assert verify(macaroon.serialize(), preimage) != "ok"


write_keys()
try:
    globals()[case]()
finally:
    os.unlink(key_file)
