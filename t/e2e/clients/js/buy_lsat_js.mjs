import { load } from '../../packages.mjs';
import { ask_twice, pay } from './payer.mjs';

const { Lsat } = await load('clients', 'lsat-js');

// It reads challenges and writes credentials; the requests are its caller's.
let token;

await ask_twice(async url => {
    let response;
    if (!token) {
        response = await fetch(url);
        const lsat = Lsat.fromHeader(response.headers.get('www-authenticate'));
        lsat.setPreimage(await pay(lsat.invoice));
        token = lsat.toToken();
    }
    response = await fetch(url, { headers: { Authorization: token } });
    return { status: response.status, text: await response.text() };
});
