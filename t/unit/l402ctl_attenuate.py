#!/usr/bin/python3
"""pymacaroons beside l402ctl attenuate: the same caveats appended by both
give the same bytes, and the key's owner (hmac alone) the same signature.

    l402ctl_attenuate.py <l402ctl> <folder for files>

Prints its seed (L402_SEED repeats a run); exits 0 where all agreed.
"""
import base64
import hmac
import json
import os
import random
import subprocess
import sys

from pymacaroons import Macaroon

ROUNDS = 60
NOW = 1700000000

ctl, folder = sys.argv[1:3]
seed = int(os.environ.get("L402_SEED") or random.SystemRandom().getrandbits(63))
print(f"# L402_SEED={seed}", flush=True)
rng = random.Random(seed)

master = rng.randbytes(32)
key_file = os.path.join(folder, "keys")


def l402ctl(*words, stdin=""):
    run = subprocess.run([ctl, *words], input=stdin, text=True,
                         capture_output=True, check=False)
    assert run.returncode == 0, (words, run.stdout, run.stderr)
    return run.stdout.strip()


def chain(identifier, caveats):
    root = hmac.digest(master, b"l402 root key v0" + identifier, "sha256")
    s = hmac.digest(hmac.digest(b"macaroons-key-generator", root, "sha256"),
                    identifier, "sha256")
    for caveat in caveats:
        s = hmac.digest(s, caveat.encode(), "sha256")
    return s.hex()


def options():
    """Options, and the caveats that they are."""
    choices = [
        ("--services", "weather:1", "services=weather:1"),
        ("--valid-until", str(NOW + 9), f"weather_valid_until={NOW + 9}"),
        ("--capabilities", "b,a", "weather_capabilities=b,a"),
        ("--address", "192.0.2.0/24,unix:",
         "client_address=192.0.2.0/24,unix:"),
        ("--host", "A.example", "request_host=a.example"),
        ("--path", "/\u20ac,/x/*", "request_path=/%E2%82%AC,/x/*"),
        ("--method", "post,get", "request_method=POST,GET"),
    ]
    chosen = [c for c in choices if rng.random() < 0.5]
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789_- :,;/=\u00e9"
    for _ in range(rng.randrange(4) if chosen else 1 + rng.randrange(4)):
        text = "x_" + "".join(rng.choices(alphabet, k=rng.randrange(60)))
        chosen.append(("--caveat", text, text))
    return chosen


def check():
    out = json.loads(l402ctl("mint", "--json", "--key-file", key_file,
                             "--service", "weather:2", "--no-expiry"))
    theirs = Macaroon.deserialize(out["macaroon"])
    chosen = options()
    for _, _, caveat in chosen:
        theirs.add_first_party_caveat(caveat)
    words = [w for option, value, _ in chosen for w in (option, value)]

    raw = base64.b64decode(out["macaroon"])
    form = rng.choice([out["macaroon"], raw.hex(),
                       base64.urlsafe_b64encode(raw).decode().rstrip("=")])
    ours = l402ctl("attenuate", *words, stdin=form)
    copy = Macaroon.deserialize(ours)
    caveats = [c.caveat_id_bytes.decode() for c in copy.caveats]

    assert caveats == (["services=weather:2", "services=weather:02"]
                       + [c for _, _, c in chosen])
    assert copy.signature == theirs.signature
    assert copy.signature == chain(copy.identifier_bytes, caveats)
    assert base64.b64decode(ours) == base64.urlsafe_b64decode(
        theirs.serialize() + "===")

    request = ["--now", str(NOW), "--capability", "a", "--address", "192.0.2.1",
               "--host", "a.example", "--path", "/\u20ac", "--method", "POST"]
    for token in ours, theirs.serialize():
        assert l402ctl("verify", "--key-file", key_file, "--service", "weather",
                       *request,
                       stdin=f"L402 {token}:{out['preimage']}") == "ok"


with open(os.open(key_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
    f.write(master.hex())
for _ in range(ROUNDS):
    check()
