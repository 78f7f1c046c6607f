#!/usr/bin/env python3
"""Seeds of the fuzzers whose inputs are lines (script.h) or plain texts.

    t/fuzz/make_corpus.py [folder]      t/fuzz/corpus unless given

Writes every form and every condition once, each narrowed, widened and spoilt.
"""
import base64
import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "corpus")

PREIMAGE = bytes(range(32)).hex()

# condition: what a location mints, narrower, wider, and what cannot be read
CONDITIONS = {
    "services": ("weather:1,maps:2", "weather:0", "weather:2", "weather:256"),
    "weather_valid_until": ("1700003600", "1700000060", "1700003601", "+1"),
    "valid_until": ("1700003600", "1700000001", "1800000000", "1e3"),
    "weather_capabilities": ("read,write", "read", "read,all", "read,"),
    "upload_max_bytes": ("1000", "5", "1001", "9999999999999999999"),
    "client_address": ("203.0.113.0/24,2001:db8::/32", "203.0.113.7",
                       "0.0.0.0/0", "203.0.113.7/33"),
    "request_host": ("a.example,b.example", "a.example", "c.example",
                     "A.example"),
    "request_path": ("/a*,/b", "/a/%2C", "/*", "/%2f"),
    "request_method": ("GET,POST", "HEAD", "PUT", "get"),
    "preimage": (PREIMAGE, PREIMAGE.upper(), "00" * 32, PREIMAGE[1:]),
}
COUNTED = ["cservices=weather:1", "cweather_valid_until=1700003600",
           "cweather_uses=10", "cweather_balance=5000"]
FACTS = ["sweather", "t1", "kread", "n1700000000", "a203.0.113.7",
         "ha.example", "p/a/,", "mHEAD", "Mupload_max_bytes 5"]
FORMS = {"v2": "", "v1": "1", "url": "u", "bare": "b", "url_bare": "ub",
         "v1_url": "1u", "upper": "U", "lsat": "l", "doubled": "d",
         "empty_location": "e", "macaroon": "m", "grpc": "g", "v1_hex": "1m"}


def write(fuzzer, name, data):
    path = os.path.join(folder, fuzzer)
    os.makedirs(path, exist_ok=True)
    if isinstance(data, list):
        data = "\n".join(data)
    if isinstance(data, str):
        data = data.encode()
    with open(os.path.join(path, name), "wb") as f:
        f.write(data)


def caveats(which, prefix="c"):
    return [f"{prefix}{name}={values[which]}"
            for name, values in CONDITIONS.items()]


def verify():
    good = FACTS + caveats(0)
    for name, form in FORMS.items():
        write("verify", name, good + ["f" + form])
    write("verify", "narrowed", good + caveats(1))
    for name, values in CONDITIONS.items():
        write("verify", "wider_" + name, good + [f"c{name}={values[2]}"])
        write("verify", "spoilt_" + name, good + [f"c{name}={values[3]}"])
    for name, lines in {
            "absent": ["RA"], "basic": ["RABasic dXNlcjpwYXNz"],
            "unhinted": good + ["i"], "second_key": good + ["K1"],
            "foreign_key": good + ["K2"], "wrong_preimage": good + ["w"],
            "third_party": good + ["v"], "flipped": good + ["x99"],
            "no_location": good + ["L"], "other_location": good + ["Lx"],
            "unknown": good + ["cx=y", "cgarbage", "C00ff0a"],
            "refuse_unknown": good + ["cx=y", "r"],
            "several": ["cservices=weather:0", "K2", "+"] + good
            + ["+", "cservices=maps:0", "fs"],
            "beside_basic": ["RABasic dXNlcjpwYXNz"] + good + ["fm"],
            "two_fields": ["cservices=maps:0", "+"] + good + ["fg"],
            "maps": good + ["smaps", "t2"],
            "uses": good + ["cweather_uses=5"],
            "counted": FACTS + COUNTED + ["u", "b"],
            "counted_closed": FACTS + COUNTED[:3] + ["cservices=weather:01",
                                                     "cweather_balance=9"],
            "counted_lower": FACTS + COUNTED + ["cweather_uses=3",
                                                "cweather_balance=0"],
            "counted_wider": FACTS + COUNTED + ["cweather_uses=11"],
            "counted_appended": FACTS + COUNTED[:1] + ["cx", "u"] + COUNTED[2:],
            "sixty_four": FACTS + ["cservices=weather:1"] + ["cx=y"] * 63,
            "malformed": ["RAL402 AAAA:" + PREIMAGE],
    }.items():
        write("verify", name, lines)
    write("verify", "at_the_limit", FACTS + ["cservices=weather:1"]
          + ["c"] * 126 + ["z7000"])
    write("verify", "many", good + ["c"] * 128)
    write("verify", "long", good + ["z8192"])


def attenuate():
    for name, values in CONDITIONS.items():
        for word, value in zip(("narrower", "wider", "spoilt"), values[1:]):
            write("attenuate", f"{word}_{name}",
                  FACTS + caveats(0) + [f"A{name}={value}"])
        write("attenuate", "first_" + name,
              FACTS + ["cservices=weather:1", f"A{name}={values[0]}"])
    write("attenuate", "all", FACTS + caveats(0) + caveats(1, "A"))
    write("attenuate", "unknown", FACTS + caveats(0) + ["Ax=y", "Agarbage"])
    for name, line in {"uses": "weather_uses=3",
                       "balance": "weather_balance=0",
                       "more_uses": "weather_uses=11",
                       "no_uses": "weather_uses=",
                       "end": "valid_until=1700000001"}.items():
        write("attenuate", "counted_" + name, FACTS + COUNTED + ["A" + line])
    write("attenuate", "two_services",
          FACTS + ["cservices=weather:1,weather_pro:0",
                   "Aweather_pro_valid_until=5", "Amaps_valid_until=x"])


def upgrade():
    buyer = ["B" + fact for fact in FACTS if fact[0] != "t"] + ["Bt2"]
    tried = [fact for fact in FACTS if fact[0] != "t"]
    minted = [line for line in caveats(0) if "maps" not in line
              and "preimage" not in line]
    old = ["cservices=weather:1"] + minted
    for name, anew in {"plain": "T", "all": "Tcnahpm", "for_ever": "Tv",
                       "capabilities": "Tc", "constraint": "Tn",
                       "binds": "Tahpm", "only_here": "Tcnahpmx"}.items():
        write("upgrade", "minted_" + name, tried + buyer + old + [anew])
        write("upgrade", "narrowed_" + name,
              tried + buyer + old + caveats(1, "A")[1:] + [anew])
        write("upgrade", "bare_" + name,
              tried + buyer + ["cservices=weather:0"]
              + caveats(1, "A")[1:] + [anew])
    for name, anew in {"counted": "Tub", "closed": "Tul",
                       "plain": "Tl"}.items():
        write("upgrade", "counted_" + name,
              tried + buyer + COUNTED + ["cservices=weather:01",
                                         "Aweather_uses=2", anew])
        write("upgrade", "appended_" + name,
              tried + buyer + COUNTED[:1]
              + ["Aweather_capabilities=read", "Aweather_uses=5",
                 "Aweather_balance=900", anew])
    write("upgrade", "held_down",
          tried + buyer + old + ["Aservices=weather:1"])


def encoding():
    raw = bytes(range(256))
    for name, text in {
            "base64": base64.b64encode(raw),
            "base64_url": base64.urlsafe_b64encode(raw),
            "base64_bare": base64.b64encode(raw[:31]).rstrip(b"="),
            "base64_bits": b"QUJ=", "base64_padding": b"QQ===",
            "hex": raw.hex().encode(), "hex_upper": raw[:33].hex().upper(),
            "hex_odd": b"abc", "empty": b"",
            # BIP-173's own vectors
            "bech32": b"A12UEL5L",
            "bech32_prefix": b"an83characterlonghumanreadablepartthatcontains"
                             b"thenumber1andtheexcludedcharactersbio1tt5tgs",
            "bech32_words": b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
            "bech32_mixed": b"A12uEL5L", "bech32_cut": b"A12UEL5",
            "utf8": "a\u00e9\u20ac\U0001f600".encode(),
            "utf8_overlong": b"\xc0\x80", "utf8_surrogate": b"\xed\xa0\x80",
            "utf8_high": b"\xf4\x90\x80\x80", "utf8_cut": b"\xe2\x82",
    }.items():
        write("encoding", name, text)


verify()
attenuate()
upgrade()
encoding()
