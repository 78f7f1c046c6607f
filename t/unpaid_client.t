# $l402_unpaid_client: the client's address on a request that the access
# handler does not let in, and nothing on any other, whenever it is asked for.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Log;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

# What a phase saw: "rewrite" in $early, "preaccess" by whether limit_req
# (which only counts here) had a key, "log" at the end.
our $http = fault('ok') . <<'END' . access_log(
    limit_req_zone $l402_unpaid_client zone=unpaid:1m rate=1r/m;
    limit_req_dry_run on;
END
    '$status rewrite=$early preaccess=$limit_req_status '
    . 'log=$l402_unpaid_client');

our $watched = 'limit_req zone=unpaid; set $early $l402_unpaid_client;';
our $sold = 'l402 weather; l402_price 10sat; l402_invoice_from fault_ok;';
our $preflight = ['Origin: http://a', 'Access-Control-Request-Method: GET'];

sub field (%with) { 'Authorization: ' . credential(%with) }

# What was logged, as "200: no no no" or "402: yes yes yes": was there an
# address in the rewrite, preaccess and log phases?
sub seen () {
    my $line = logged();
    my ($status, %value) = $line =~
        /^(\d+) (rewrite)=(\S*) (preaccess)=(\S+) (log)=(\S*)$/
        or return "what is \"$line\"?";
    my $word = sub ($value) {
        return $value =~ /^-?$/ ? 'no'
            : $value =~ /^\\x7F\\x00\\x00\\x01$|^[A-Z_]+$/ ? 'yes' : $value;
    };
    return "$status: " . join ' ', map { $word->($value{$_}) }
        qw(rewrite preaccess log);
}

# Each: a name, a path, fields of the request, what is to be seen.
sub sees ($name, @cases) {
    fresh_log();
    my $c = connection();
    for (@cases) {
        my ($what, $path, $fields, $want) = @$_;
        my ($method, $to) = $path =~ /^(?:([A-Z]+) )?(.*)/;
        $c->request($method // 'GET', $to, ref $fields ? $fields : [$fields]);
        is(seen(), $want, "$name - $what");
    }
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: unpaid and paid
--- http_config eval: $main::http
--- config eval
"location / { $main::sold $main::watched $main::upstream }"
--- script
sees($name,
    ['absent', '/', [], '402: yes yes yes'],
    ['another scheme', '/', 'Authorization: Basic bWU6d29yZA==',
        '402: yes yes yes'],
    ['malformed', '/', 'Authorization: L402 x', '401: yes yes yes'],
    ['forged', '/', field(key => '5f' x 32), '402: yes yes yes'],
    ['expired', '/', field(valid_for => -1), '402: yes yes yes'],
    ['for another service', '/', field(service => 'tides'),
        '402: yes yes yes'],
    ['paid', '/', field(), '200: no no no'],
    ['paid, in the Macaroon field', '/', 'Macaroon: ' . hex_credential(),
        '200: no no no'],
    ['paid, and the upstream fails', '/?status=503', field(),
        '503: no no no'],
    ['paid, and not found', '/?status=404', field(), '404: no no no'],
    ['absent again', 'HEAD /', [], '402: yes yes yes'],
    ['absent, POST', 'POST /', [], '402: yes yes yes'],
);


=== TEST 2: nothing to pay
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::watched
    location /open { $main::watched $main::upstream }
    location /off {
        l402 off; l402_price 10sat; $main::watched $main::upstream
    }
    location /free { l402 weather; l402_price 0; $main::watched
                     $main::upstream }
    location /priced {
        l402 weather; l402_price \$arg_p; l402_invoice_from fault_ok;
        $main::watched $main::upstream
    }
    location /sold { $main::sold $main::watched $main::upstream }
    location /others {
        $main::sold l402_cors off; $main::watched $main::upstream
    }
END
--- script
sees($name,
    ['open', '/open', [], '200: no no no'],
    ['open, forged', '/open', field(key => '5f' x 32), '200: no no no'],
    ['off', '/off', [], '200: no no no'],
    ['no location', '/none', [], '404: no no no'],
    ['a price of 0', '/free', [], '200: no no no'],
    ['a price of 0, forged', '/free', field(key => '5f' x 32),
        '200: no no no'],
    ['a variable that is 0', '/priced?p=0', [], '200: no no no'],
    ['the same that is not', '/priced?p=1sat', [], '402: yes yes yes'],
    ['no amount', '/priced?p=x', [], '500: yes yes yes'],
    ['no amount, paid', '/priced?p=x', field(), '200: no no no'],
    ['a preflight', 'OPTIONS /sold', $main::preflight, '204: no no no'],
    ['half a preflight', 'OPTIONS /sold', ['Origin: http://a'],
        '402: yes yes yes'],
    ['one of the upstream', 'OPTIONS /others', $main::preflight,
        '200: no no no'],
);


=== TEST 3: refused without an invoice
--- http_config eval: $main::http
--- config eval
<<"END";
    large_client_header_buffers 4 16k;
    location /no_invoice {
        l402 weather; l402_price 10sat; l402_invoice_from fault_s500;
        $main::watched $main::upstream
    }
    location /long { $main::sold l402_bind path; $main::watched
                     $main::upstream }
    location /tier {
        l402 weather:2; l402_price 10sat; l402_upgrade_price \$arg_p;
        l402_invoice_from fault_ok; $main::watched $main::upstream
    }
    location /number {
        $main::sold l402_constraint max_bytes \$arg_n grant=10;
        $main::watched $main::upstream
    }
END
--- script
my $bounded = field(append => ['max_bytes=10']);
sees($name,
    ['no invoice', '/no_invoice', [], '503: yes yes yes'],
    ['too long', '/long/' . 'x' x 5000, [], '414: yes yes yes'],
    ['too low a tier', '/tier?p=1sat', field(), '402: yes yes yes'],
    ['an upgrade for nothing', '/tier?p=0', field(), '200: no no no'],
    ['an upgrade at no amount', '/tier?p=x', field(), '500: yes yes yes'],
    ['within a bound', '/number?n=10', $bounded, '200: no no no'],
    ['over it', '/number?n=11', $bounded, '402: yes yes yes'],
    ['no number', '/number?n=x', $bounded, '500: yes yes yes'],
    ['no number and no bound', '/number?n=x', field(), '200: no no no'],
);


=== TEST 4: beside other access modules, which may end the request first
--- http_config eval: $main::http
--- config eval
<<"END";
    location /deny { deny all; $main::sold $main::watched $main::upstream }
    location /password {
        auth_basic realm; auth_basic_user_file ../html/passwords;
        $main::sold $main::watched $main::upstream
    }
    location /asked {
        auth_request /auth; $main::sold $main::watched $main::upstream
    }
    location = /auth {
        internal;
        if (\$http_x_user) { return 204; }
        return 403;
    }
END
--- user_files
>>> passwords
user:{PLAIN}secret
--- script
my $basic = 'Authorization: Basic dXNlcjpzZWNyZXQ=';
sees($name,
    ['deny, unpaid', '/deny', [], '403: yes yes yes'],
    ['deny, paid', '/deny', field(), '403: no no no'],
    ['no password, unpaid', '/password', [], '401: yes yes yes'],
    ['no password, paid', '/password', field(), '401: no no no'],
    ['a password, unpaid', '/password', $basic, '402: yes yes yes'],
    ['a password, paid', '/password',
        [$basic, 'Macaroon: ' . hex_credential()], '200: no no no'],
    ['auth_request refuses, unpaid', '/asked', [], '403: yes yes yes'],
    ['auth_request refuses, paid', '/asked', field(), '403: no no no'],
    ['auth_request agrees, unpaid', '/asked', 'X-User: a',
        '402: yes yes yes'],
    ['auth_request agrees, paid', '/asked', ['X-User: a', field()],
        '200: no no no'],
);


=== TEST 5: satisfy any: not paid, until another module lets it in
--- http_config eval: $main::http
--- config eval
<<"END";
    location /allow {
        satisfy any; allow all; $main::sold $main::watched $main::upstream
    }
    location /deny {
        satisfy any; deny all; $main::sold $main::watched $main::upstream
    }
    location /password {
        satisfy any; deny all;
        auth_basic realm; auth_basic_user_file ../html/passwords;
        $main::sold $main::watched $main::upstream
    }
END
--- user_files
>>> passwords
user:{PLAIN}secret
--- script
sees($name,
    ['allowed', '/allow', [], '200: yes yes no'],
    ['allowed, paid', '/allow', field(), '200: no no no'],
    ['denied, unpaid', '/deny', [], '402: yes yes yes'],
    ['denied, paid', '/deny', field(), '200: no no no'],
    ['a password', '/password', 'Authorization: Basic dXNlcjpzZWNyZXQ=',
        '200: yes yes no'],
    ['a wrong one', '/password', 'Authorization: Basic dXNlcjp3cm9uZw==',
        '402: yes yes yes'],
    ['none, paid', '/password', field(), '200: no no no'],
);


=== TEST 6: satisfy any, and who is known by his address is not counted
--- http_config eval
fault('ok') . <<'END'
    geo $arg_from $ours {
        default     0;
        10.0.0.0/8  1;
    }
    map $ours $limited {
        volatile;
        0  $l402_unpaid_client;
        1  "";
    }
    limit_req_zone $limited zone=unpaid:1m rate=1r/m;
END
--- config eval
<<"END";
    location / {
        satisfy any; allow 127.0.0.1; deny all;
        limit_req zone=unpaid; limit_req_status 429;
        $main::sold
        $main::upstream
    }
END
--- script
my $from = sub ($address, @fields) {
    return connection()->get("/?from=$address", @fields)->{status};
};
is(join(' ', map { $from->($_) } qw(10.0.0.1 10.0.0.1 192.0.2.1 192.0.2.1
    10.0.0.1)), '200 200 200 429 200', "$name - unpaid");
is($from->('192.0.2.1', field()), 200, "$name - paid");


=== TEST 7: a server that is sold as a whole, and requests without a location
--- http_config eval: $main::http
--- config eval
<<"END";
    l402 weather;
    l402_invoice_from fault_ok;
    set \$early \$l402_unpaid_client;
    limit_req zone=unpaid;
    location / { l402_price 10sat; $main::upstream }
    location /free { l402_price 0; $main::upstream }
    location /off { l402 off; $main::upstream }
    location /answered { l402_price 10sat; return 403; }
END
--- script
# The server{} has no price: what is asked there cannot be free.
sees($name,
    ['unpaid', '/', [], '402: yes yes yes'],
    ['paid', '/', field(), '200: no no no'],
    ['free', '/free', [], '200: yes no no'],
    ['free, paid', '/free', field(), '200: no no no'],
    ['off', '/off', [], '200: yes no no'],
    ['off, paid', '/off', field(), '200: no no no'],
    ['answered before', '/answered', [], '403: yes no yes'],
    ['answered before, paid', '/answered', field(), '403: no no no'],
);
for my $bytes ("GET / HTTP/1.1\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
               "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
{
    my $c = connection();
    $c->send($bytes);
    is($c->read->{status}, 400, "$name - a bad request");
    # Nothing was asked in the rewrite and preaccess phases.
    is(seen(), '400: no no yes', "$name - nor let in");
}


=== TEST 8: who has paid is never limited, whatever the limit
--- http_config eval
fault('ok') . "limit_req_zone \$l402_unpaid_client zone=unpaid:1m rate=1r/m;"
--- config eval
<<"END";
    keepalive_requests 2000;
    limit_req zone=unpaid burst=1 nodelay;
    limit_req_status 429;
    location / { $main::sold $main::upstream }
    location /index/ { $main::sold }
END
--- user_files
>>> index/index.html
content
--- script
my $c = connection();
my $paid = field();
my $get = sub ($path, @fields) { $c->get($path, @fields)->{status} };
is(join(' ', map { $get->('/') } 1 .. 4), '402 402 429 429',
    "$name - unpaid");
my %statuses;
for my $n (1 .. 1000) {
    $statuses{$get->($n % 10 ? '/index/' : '/', $paid)}++;
    $get->('/') if $n % 100 == 0;
}
is_deeply(\%statuses, { 200 => 1000 }, "$name - a thousand times 200");
is($get->('/'), 429, "$name - who has not, still is");
is($get->('/', field(key => '5f' x 32)), 429, "$name - a forged one as well");
--- backend: 100
