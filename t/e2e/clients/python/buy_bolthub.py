from bolthub.client import L402Client
from payer import ask_twice, pay


class Payer:
    def pay_invoice(self, bolt11):
        return pay(bolt11)


client = L402Client(Payer(), budget_sats=1000)


def get(url):
    response = client.get(url)
    return response.status_code, response.text


ask_twice(get)
