// The wallet, which is the test's second Lightning node, and a client's run.

export async function pay(invoice) {
    const response = await fetch(process.env.L402_PAYER_URL + '/pay', {
        method: 'POST', body: JSON.stringify({ invoice }),
    });
    return (await response.json()).preimage;
}

// Calls `get` with the URL of the command line; it returns status and text.
export async function ask_twice(get) {
    const answers = [];
    for (let i = 0; i < 2; i++) {
        answers.push(await get(process.argv[2]));
    }
    console.log(JSON.stringify(answers));
}
