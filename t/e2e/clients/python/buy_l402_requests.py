from l402_requests import L402Client, WalletBase
from payer import ask_twice, pay


class Payer(WalletBase):
    async def pay_invoice(self, bolt11):
        return pay(bolt11)


client = L402Client(wallet=Payer())


def get(url):
    response = client.get(url)
    return response.status_code, response.text


ask_twice(get)
