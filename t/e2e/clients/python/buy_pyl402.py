from payer import ask_twice, pay
from pyl402.client.l402 import L402Client
from pyl402.token_store import MemoryTokenStore
from pyl402.wallet import PaymentResult, Wallet


class Payer(Wallet):
    def pay_invoice(self, invoice):
        return PaymentResult(preimage=pay(invoice), success=True)


client = L402Client(wallet=Payer(), store=MemoryTokenStore())


def get(url):
    response = client.get(url)
    return response.status_code, response.text


ask_twice(get)
