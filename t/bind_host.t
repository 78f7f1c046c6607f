# l402_bind host and method: where a token is good, and for what.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $sold = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_valid_for off;
END

# A server without a name; `listen` says more of its port, `bind` what ties.
sub server ($listen, $bind) {
    return fault('ok') . <<"END";
    server {
        listen 127.0.0.1:\$TEST_NGINX_STREAM_PORT $listen;
        $sold
        location / { l402_bind $bind; $upstream }
    }
END
}

sub with (@append) {
    return 'Authorization: '
        . credential(valid_for => undef, append => \@append);
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: host
--- http_config eval: fault('ok')
--- config eval
<<"END";
    $main::sold
    location / { l402_bind host; $main::upstream }
END
--- script
my $c = connection();
my $host = sub ($host, @fields) { $c->get('/', "Host: $host", @fields) };
for (['shop.example', 'shop.example'], ['Shop.Example', 'shop.example'],
     ['shop.example:1984', 'shop.example'], ['shop.example.', 'shop.example'],
     ['127.0.0.1', '127.0.0.1'], ['[::1]:80', '%5B%3A%3A1%5D'],
     ['a,b', 'a%2Cb'], ['a*', 'a%2A'], ['*', '%2A'], ['a%2Cb', 'a%252cb'],
     ['a=b', 'a%3Db'], ['a"b', 'a%22b'], ["a\xc3\xa4", 'a%C3%A4'],
     ["a\xff", 'a%FF'])
{
    my ($sent, $item) = @$_;
    my $r = $host->($sent);
    is(minted($r), "services=weather:0 | request_host=$item",
        "$name - $sent - minted");
    is(verdict($host->($sent, made_good($r))), 'ok', "$name - $sent - opens");
    is(verdict($host->('other', made_good($r), "X-Forwarded-Host: $sent")),
        'caveat_refused', "$name - $sent - not another's");
}
my $field = made_good($host->('shop.example'));
is(verdict($host->($_, $field)), 'ok', "$name - $_")
    for 'SHOP.example', 'shop.example:8443', 'shop.example.';
is(verdict($host->($_, $field)), 'caveat_refused', "$name - $_")
    for 'example', 'a.shop.example', 'shop.example.org', 'shopXexample', 'a';
# One that is asked for in the request line is the one.
$c->send("GET http://shop.example/ HTTP/1.1\r\nHost: other\r\n$field\r\n\r\n");
is(verdict($c->read), 'ok', "$name - in the request line");
# None at all: the server's name.
$c->send("GET / HTTP/1.0\r\n\r\n");
is(minted($c->read), 'services=weather:0 | request_host=localhost',
    "$name - no Host");


=== TEST 2: a request without a host, and a server without a name
--- http_config eval: main::server('', 'host')
--- config
--- script
my $ask = sub (@fields) {
    my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
    $c->send(join "\r\n", 'GET / HTTP/1.0', @fields, '', '');
    return $c->read;
};
my $r = $ask->();
is(minted($r), 'services=weather:0 | request_host=.', "$name - minted");
is(verdict($ask->(made_good($r))), 'ok', "$name - opens");
is(verdict($ask->(made_good($r), 'Host: a')), 'caveat_refused',
    "$name - not where there is one");


=== TEST 3: method: HEAD counts as GET
--- http_config eval: fault('ok')
--- config eval
<<"END";
    $main::sold
    location / {
        l402_bind method;
        add_header X-Result \$l402_result always;
        $main::upstream
    }
END
--- script
my $c = connection();
my $word = sub ($method, @fields) {
    return $c->request($method, '/', \@fields)->{headers}{'x-result'}[0];
};
my $offered = sub ($method) {
    my $r = $c->request($method, '/');
    my $value = $r->{headers}{'www-authenticate'}[0];
    my $m = read_token(parse_challenge($value)->{macaroon});
    return ("$m->{caveats}->@*", 'Authorization: ' . credential(
        token_id => $m->{token_id}, caveats => $m->{caveats}));
};
my %opens = (
    GET => [qw(GET HEAD)], HEAD => [qw(GET HEAD)], POST => ['POST'],
    PUT => ['PUT'], OPTIONS => ['OPTIONS'], 'M-SEARCH' => ['M-SEARCH'],
    A_B => ['A_B'],
);
for my $bought (sort keys %opens) {
    my ($caveats, $field) = $offered->($bought);
    my $item = $bought eq 'HEAD' ? 'GET' : $bought;
    is($caveats, "services=weather:0 request_method=$item",
        "$name - $bought - minted");
    my @got = grep { $word->($_, $field) eq 'ok' } sort keys %opens;
    is("@got", "$opens{$bought}->@*", "$name - $bought - opens");
}
# A holder may take GET away and leave HEAD.
my $head = main::with('request_method=GET,POST', 'request_method=HEAD');
is($word->('HEAD', $head), 'ok', "$name - HEAD alone - HEAD");
is($word->('GET', $head), 'caveat_refused', "$name - HEAD alone - GET");
# Nobody pays for a preflight, and none is refused.
is($word->('OPTIONS', 'Origin: http://a', 'Access-Control-Request-Method: PUT',
    $head), 'free', "$name - preflight");


=== TEST 4: over HTTP/2
--- http_config eval: main::server('http2', 'method path host address')
--- config
--- script
my $get = sub ($path, @options) {
    open my $out, '-|', 'timeout', 15, 'nghttp', '--verbose', '--no-dep',
        (map { ('-H', $_) } ':authority: Shop.Example:99', @options),
        "http://127.0.0.1:$ENV{TEST_NGINX_STREAM_PORT}$path" or die;
    my $text = (do { local $/; <$out> }) =~ s/\e\[[0-9;]*m//gr;
    my ($status) = $text =~ /:status: (\d+)/;
    my ($value) = $text =~ /www-authenticate: (.*)/;
    return ($status, $value);
};
my (undef, $value) = $get->('/a%2Cb?c', ':method: HEAD');
my $m = read_token(parse_challenge($value)->{macaroon});
is("$m->{caveats}->@*", 'services=weather:0 client_address=127.0.0.1 '
    . 'request_host=shop.example request_path=/a%2Cb request_method=GET',
    "$name - minted");
my $field = 'authorization: ' . credential(caveats => $m->{caveats});
is(($get->('/a,b', $field))[0], 200, "$name - opens");
is(($get->('/a', $field))[0], 402, "$name - another path");
is(($get->('/a,b', $field, ':method: DELETE'))[0], 402,
    "$name - another method");
