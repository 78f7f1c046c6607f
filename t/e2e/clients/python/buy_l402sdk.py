import os

from l402 import Budget, L402Client
from payer import ask_twice

# It pays through lnd's REST only: see ../lnd_bridge.mjs.
client = L402Client.with_lnd_rest(
    os.environ["L402_LND_URL"], "00", budget=Budget(total_max=1000)
)


def get(url):
    response = client.get(url)
    return response.status, response.text()


ask_twice(get)
