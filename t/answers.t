# What an unpaid request is answered with, to the byte where clients rely on
# it, in each form that a caller reads.

use v5.36;
use lib 't/lib';
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64);
use Test::Nginx::Socket 'no_plan';
use L402;

our $config = <<'END';
    location / {
        l402 weather:3;
        l402_price 1500msat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

sub header ($r, $name) { join ' & ', ($r->{headers}{$name} // [])->@* }

# Names and values of a flat JSON object, in their order.
sub members ($json) {
    $json =~ /^\{(.*)\}$/s or return;
    return $1 =~ /"(\w+)":("[^"]*"|\d+)(?:,|$)/g;
}

# identifier and caveats of a V2 macaroon with a location.
sub take_apart ($bytes) {
    my ($location, $identifier, $rest) =
        unpack 'x C/a x C/a x a*', substr $bytes, 1;
    my @caveats;
    while ($rest =~ s/^\x02(.)//s) {
        push @caveats, substr $rest, 0, ord $1, '';
        substr $rest, 0, 1, '';
    }
    my ($version, $hash, $id) = unpack 'n H64 H64', $identifier;
    return { version => $version, payment_hash => $hash, token_id => $id,
             location => $location, caveats => \@caveats };
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the challenge, and every field of the answer
--- config eval: $main::config
--- script
my $r = connection()->get('/x');
my $invoice = qr/lnbcrt15n1[a-z0-9]+/;
like($r->{head}, qr{
    \A HTTP/1\.1\ 402\ Payment\ Required\r\n
    Server:\ nginx/[\d.]+\r\n
    Date:\ [^\r\n]+\r\n
    Content-Type:\ application/problem\+json\r\n
    Content-Length:\ \d+\r\n
    Connection:\ keep-alive\r\n
    WWW-Authenticate:\ L402\ macaroon="([A-Za-z0-9+/]+=*)",\ invoice="$invoice",
        \ version="0",\ token="\1"\r\n
    Cache-Control:\ no-store\r\n
    Access-Control-Allow-Origin:\ \*\r\n
    Access-Control-Expose-Headers:\ WWW-Authenticate \z }x, $name);
my $challenge = parse_challenge(header($r, 'www-authenticate'));
is(length($challenge->{macaroon}) % 4, 0, "$name - padded");
--- invoices: 1
--- backend: 0


=== TEST 2: the token is a macaroon to the byte, and signed with the key
--- config eval: $main::config
--- script
my $before = time;
my $r = connection()->get('/x');
my $json = decode_json($r->{body});
my $bytes = decode_base64($json->{macaroon});
my $m = take_apart($bytes);
is($m->{version}, 0, "$name - version");
is($m->{location}, 'lsat', "$name - location");
is($m->{payment_hash}, $json->{payment_hash}, "$name - payment hash");
is($m->{caveats}[0], 'services=weather:3', "$name - services");
my ($until) = $m->{caveats}[1] =~ /^weather_valid_until=(\d+)$/;
is(scalar $m->{caveats}->@*, 2, "$name - no other caveat");
is($json->{token_expires_at}, $until, "$name - token_expires_at");
ok($until >= $before + 3600 && $until <= time + 3600, "$name - an hour");
is(unpack('H*', mint(%$m)->{macaroon}), unpack('H*', $bytes), "$name - bytes");

my %ids = map { take_apart(decode_base64(decode_json(
    connection()->get('/x')->{body})->{macaroon}))->{token_id} => 1 } 1 .. 5;
is(scalar(keys %ids), 5, "$name - token ids differ");
my $paid = pay($json->{invoice});
is(connection()->get('/x', "Authorization: L402 $json->{macaroon}:$paid")
    ->{status}, 200, "$name - paid");


=== TEST 3: for ever: no end in the token, none in the body
--- config eval
$main::config =~ s/l402_price/l402_valid_for off; l402_price/r
--- script
my $r = connection()->get('/x');
my $json = decode_json($r->{body});
is_deeply(take_apart(decode_base64($json->{macaroon}))->{caveats},
    ['services=weather:3'], "$name - caveats");
is($json->{token_expires_at}, undef, "$name - body");


=== TEST 4: the JSON body
--- config eval: $main::config
--- script
my $before = time;
my $r = connection()->get('/x');
my $challenge = parse_challenge(header($r, 'www-authenticate'));
my @members = members($r->{body});
my %json = @members;
is(join(' ', map { $members[2 * $_] } 0 .. $#members / 2),
    'type title status reason macaroon invoice price_msat payment_hash '
    . 'expires_at token_expires_at price_sats priceSats amount_sats '
    . 'amountSats paymentHash expiresAt', "$name - names, in order");
is($json{title}, '"Payment required"', "$name - title");
is($json{status}, 402, "$name - status");
is($json{reason}, '"absent"', "$name - reason");
is($json{macaroon}, "\"$challenge->{macaroon}\"", "$name - macaroon");
is($json{invoice}, "\"$challenge->{invoice}\"", "$name - invoice");
is($json{price_msat}, 1500, "$name - msat");
is($json{$_}, 2, "$name - $_ rounded up")
    for qw(price_sats priceSats amount_sats amountSats);
is($json{paymentHash}, $json{payment_hash}, "$name - paymentHash");
is($json{expiresAt}, $json{expires_at}, "$name - expiresAt");
ok($json{expires_at} >= $before + 590 && $json{expires_at} <= time + 610,
    "$name - expires in ten minutes: $json{expires_at}");
is(header($r, 'content-length'), length $r->{body}, "$name - length");


=== TEST 5: which form? What the client accepts decides
--- http_config eval: fault('ok')
--- config eval
$main::config =~ s/l402_price/l402_invoice_from fault_ok; l402_price/r
--- script
my ($c, $json, $html) = (connection(), 'application/problem+json',
    'text/html; charset=utf-8');
for ([undef, $json], ['', $json], ['*/*', $json],
    ['application/json', $json], ['application/problem+json', $json],
    ['application/json, text/html', $json],
    ['text/html, application/json', $html],
    ['text/html', $html], ['TEXT/HTML', $html], ['text/*', $html],
    ['text/html;q=0', $json], ['text/html;q=0, */*', $json],
    ['text/html;q=0.4, application/json;q=0.5', $json],
    ['text/html;q=0.5, application/json;q=0.4', $html],
    ['application/json;q=0.1, text/html;q=0.9', $html],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,'
        . 'image/webp,*/*;q=0.8', $html],
    ['image/png', $json], ['text/plain', $json], ['garbage', $json])
{
    my ($accept, $type) = @$_;
    my $r = $c->get('/x', defined $accept ? "Accept: $accept" : ());
    my $label = "$name - " . ($accept // 'nothing');
    is($r->{status}, 402, "$label - status");
    is(header($r, 'content-type'), $type, "$label - type");
    ok(parse_challenge(header($r, 'www-authenticate')), "$label - challenge");
}


=== TEST 6: the page for people, complete and of itself
--- config eval: $main::config
--- script
my $r = connection()->get('/%3Cscript%3Ealert(1)%3C/script%3E&%22%27',
    'Accept: text/html');
my $challenge = parse_challenge(header($r, 'www-authenticate'));
my $page = $r->{body};
is($r->{status}, 402, "$name - status");
like($page, qr/\A<!doctype html>\n.*<\/html>\n\z/s, "$name - whole");
like($page, qr/href="lightning:\Q$challenge->{invoice}\E"/, "$name - link");
like($page, qr/>\Q$challenge->{invoice}\E</, "$name - invoice");
like($page, qr/>\Q$challenge->{macaroon}\E</, "$name - macaroon");
like($page, qr/1\.5 sat/, "$name - price");
unlike($page, qr{https?://|//\w|src=|<script|<link|<iframe|<img|\@import|url\(}i,
    "$name - nothing from elsewhere, no script");
like($page, qr/&lt;script&gt;alert\(1\)&lt;\/script&gt;&amp;&quot;&#39;/,
    "$name - the path is escaped");
is(header($r, 'content-length'), length $page, "$name - length");


=== TEST 7: HEAD: the same fields, no body, the connection goes on
--- http_config eval: fault('ok')
--- config eval
$main::config =~ s/l402_price/l402_invoice_from fault_ok; l402_price/r
--- script
my $c = connection();
for my $accept ('*/*', 'text/html') {
    my $get = $c->get('/x', "Accept: $accept");
    my $head = $c->request('HEAD', '/x', ["Accept: $accept"]);
    is($head->{status}, 402, "$name - status");
    is($c->{in}, '', "$name - no body");
    ok(parse_challenge(header($head, 'www-authenticate')), "$name - challenge");
    is(join(' ', sort keys $head->{headers}->%*),
        join(' ', sort keys $get->{headers}->%*), "$name - fields of a GET");
    is(header($head, $_), header($get, $_), "$name - $_")
        for qw(content-type cache-control content-length);
}
is($c->get('/x')->{status}, 402, "$name - and on");


=== TEST 8: 401, where nothing can be read
--- config eval: $main::config
--- script
my $c = connection();
my $r = $c->get('/x', 'Authorization: L402 x');
is($r->{status}, 401, "$name - status");
like($r->{head}, qr{^HTTP/1\.1 401 Unauthorized\r\n}, "$name - phrase");
is(header($r, 'www-authenticate'), 'L402 error="malformed"', "$name - field");
is(header($r, 'cache-control'), 'no-store', "$name - no-store");
is(header($r, 'content-type'), 'application/problem+json', "$name - type");
is(header($r, 'retry-after'), '', "$name - no Retry-After");
is(header($r, 'access-control-allow-origin'), '*', "$name - cors");
is($r->{body}, '{"type":"https://www.rfc-editor.org/rfc/rfc9110'
    . '#section-15.5.2","title":"The credential cannot be read","status":401,'
    . '"reason":"malformed"}', "$name - body");
$r = $c->get('/x', 'Authorization: L402 x', 'Accept: text/html');
like($r->{body}, qr{<title>Unauthorized</title>.*\(<code>malformed</code>\)}s,
    "$name - page");
unlike($r->{body}, qr/lightning:|https?:/, "$name - no invoice on it");
--- invoices: 0


=== TEST 9: 500, where there is no price
--- config
    location / { l402 weather; l402_price $arg_p; }
--- script
my $c = connection();
my $r = $c->get('/x?p=x');
is($r->{status}, 500, "$name - status");
is(header($r, 'www-authenticate'), '', "$name - no challenge");
is(header($r, 'cache-control'), 'no-store', "$name - no-store");
is($r->{body}, '{"type":"https://www.rfc-editor.org/rfc/rfc9110'
    . '#section-15.6.1","title":"No price can be worked out for this request",'
    . '"status":500,"reason":"bad_price"}', "$name - body");
is($c->get('/x?p=x', 'Accept: text/html')->{status}, 500, "$name - page");
is($c->get('/x?p=1sat')->{status}, 402, "$name - and on");
--- invoices: 1


=== TEST 10: 503, where no invoice can be had
--- config
    location / { l402 weather; l402_price 1sat; l402_invoice_from fault_s500; }
--- script
my $c = connection();
my $r = $c->get('/x');
is($r->{status}, 503, "$name - status");
is(header($r, 'www-authenticate'), '', "$name - no challenge");
is(header($r, 'cache-control'), 'no-store', "$name - no-store");
is(header($r, 'retry-after'), '5', "$name - Retry-After");
is($r->{body}, '{"type":"https://www.rfc-editor.org/rfc/rfc9110'
    . '#section-15.6.4","title":"No invoice can be had now","status":503,'
    . '"reason":"no_invoice"}', "$name - body");
$r = $c->get('/x', 'Accept: text/html');
like($r->{body}, qr{<title>Service unavailable</title>}, "$name - page");


=== TEST 11: the old scheme, in the same field
--- config eval
$main::config =~ s/l402_price/l402_lsat on; l402_price/r
--- script
my $c = connection();
my $r = $c->get('/x');
like(header($r, 'www-authenticate'), qr{\A
    L402\ macaroon="([A-Za-z0-9+/]+=*)",\ invoice="(ln\w+)",
    \ version="0",\ token="\1",
    \ LSAT\ macaroon="\1",\ invoice="\2" \z}x, $name);
is(header($c->get('/x', 'Authorization: LSAT x'), 'www-authenticate'),
    'L402 error="malformed"', "$name - not on a 401");


=== TEST 12: scripts are left alone where the configuration says so
--- config eval
$main::config =~ s/l402_price/l402_cors off; l402_price/r
--- script
my $c = connection();
for my $r ($c->get('/x'), $c->get('/x', 'Authorization: L402 x')) {
    is(join(' ', grep { /^access/ } keys $r->{headers}->%*), '',
        "$name - $r->{status}");
}


=== TEST 13: conditions and ranges change nothing
--- config eval: $main::config
--- script
my $c = connection();
my @fields = ('If-Match: "x"', 'If-Match: *', 'If-None-Match: *',
    'If-None-Match: "x"', 'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT',
    'If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT', 'Range: bytes=0-3',
    'Range: bytes=100000-', 'If-Range: "x"');
for my $field (@fields) {
    my $r = $c->get('/x', $field);
    is($r->{status}, 402, "$name - $field");
    like($r->{body}, qr/\A\{.*\}\z/, "$name - $field - whole");
    is($c->get('/x', $field, 'Authorization: L402 x')->{status}, 401,
        "$name - $field - 401");
    my $grpc = $c->get('/x', $field, 'Content-Type: application/grpc');
    is("$grpc->{status} " . header($grpc, 'grpc-status'), '200 13',
        "$name - $field - gRPC");
}


=== TEST 14: fields that the configuration adds
--- http_config
    expires 1h;
--- config eval
$main::config =~ s/l402_price/add_header X-Always a always; add_header X-No b;
    l402_price/r
--- script
my $c = connection();
for (['/x'], ['/x', 'Authorization: L402 x']) {
    my $r = $c->get(@$_);
    is(header($r, 'x-always'), 'a', "$name - $r->{status} - always");
    is(header($r, 'x-no'), '', "$name - $r->{status} - not always");
    is(header($r, 'cache-control'), 'no-store', "$name - $r->{status} - cache");
}


=== TEST 15: another scheme's challenge stands behind ours
--- config eval
my $users = write_secret('users', "me:{PLAIN}word\n");
$main::config =~ s/l402_price/satisfy any; auth_basic "here";
    auth_basic_user_file $users; l402_price/r
--- script
my $c = connection();
my @fields = $c->get('/x')->{headers}{'www-authenticate'}->@*;
is(scalar @fields, 2, "$name - two fields");
ok(parse_challenge($fields[0]), "$name - ours first");
is($fields[1], 'Basic realm="here"', "$name - and Basic");
is($c->get('/x', 'Authorization: Basic bWU6d29yZA==')->{status}, 200,
    "$name - Basic lets in");


=== TEST 16: HTTP/1.0
--- config eval: $main::config
--- raw_request eval
"GET /x HTTP/1.0\r\n\r\n"
--- error_code: 402
--- response_headers_like
WWW-Authenticate: L402 macaroon="[^"]+", invoice="lnbcrt15n1\w+", version="0", token="[^"]+"
Connection: close
--- invoices: 1


=== TEST 17: no error_page turns our answers into another
--- http_config
    error_page 401 402 500 503 =200 /open;
--- config
    location / { l402 weather; l402_price $arg_p; }
    location /down { l402 weather; l402_price 1sat;
        l402_invoice_from fault_close; }
    location /open { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
--- request eval
["GET /?p=1sat", "GET /?p=x", "GET /down", "GET /?p=1sat"]
--- more_headers eval
["", "", "", "Authorization: L402 x"]
--- error_code eval: [402, 500, 503, 401]
--- backend: 0
