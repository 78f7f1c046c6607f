from l402kit import L402Client, L402Wallet
from payer import ask_twice, pay


class Payer(L402Wallet):
    def pay_invoice(self, bolt11):
        return pay(bolt11)


client = L402Client(wallet=Payer(), budget_sats=1000)


def get(url):
    response = client.get(url)
    return response.status_code, response.text


ask_twice(get)
