"""The wallet, which is the test's second Lightning node, and a client's run."""

import json
import os
import sys
import urllib.request


def pay(invoice: str) -> str:
    request = urllib.request.Request(
        os.environ["L402_PAYER_URL"] + "/pay",
        data=json.dumps({"invoice": invoice}).encode(),
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["preimage"]


def ask_twice(get) -> None:
    """Calls `get` with the URL of the command line; it returns status, text."""
    answers = [get(sys.argv[1]) for _ in range(2)]
    print(json.dumps([{"status": s, "text": t} for s, t in answers]))
