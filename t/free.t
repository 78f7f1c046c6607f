# l402_free n/time: so many requests of each client are let in for nothing,
# whichever worker they come to, and not one more.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Log;

# Reloads need a master, and counts are shared by workers.
master_on();
workers(2);

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our $socket = "$Test::Nginx::Util::ServRoot/client.sock";

our $http = fault('ok') . "    l402_zone l402:1m;\n" . access_log(
    '$status $l402_result/$l402_free_left token=$l402_token_id '
    . 'payment=$l402_payment_hash');

# The client is who X-Forwarded-For says.
our $sold = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    add_header X-Result $l402_result always;
    add_header X-Left $l402_free_left always;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
END

our $three = "$sold l402_free 3/1d;\n";

sub from ($address) { "X-Forwarded-For: $address" }

sub field (%with) { 'Authorization: ' . credential(%with) }

# "200 free/2": the status, what was decided, and how many are left.
sub said ($r) {
    return 'no response' unless $r;
    my $value = sub ($name) { $r->{headers}{$name}[0] // '-' };
    return "$r->{status} " . $value->('x-result') . '/' . $value->('x-left');
}

# Requests on one connection. Each: a path, maybe behind a method, or a list of
# that and fields that come with it beside @fields.
sub series ($fields, @requests) {
    my $c = connection();
    return join ', ', map {
        my ($what, @more) = ref ? @$_ : $_;
        my ($method, $path) = $what =~ /^(?:([A-Z]+) )?(.*)/;
        said($c->request($method // 'GET', $path,
            [ref $fields ? @$fields : $fields, @more]));
    } @requests;
}

sub until_true ($seconds, $code) {
    my $end = time + $seconds;
    until ($code->()) {
        return 0 if time > $end;
        select undef, undef, undef, 0.05;
    }
    return 1;
}

# The configuration of a running nginx is another after the next reload.
sub change ($code) {
    my $file = "$Test::Nginx::Util::ServRoot/conf/nginx.conf";
    my $text = do { local (@ARGV, $/) = $file; <> };
    local $_ = $text;
    $code->();
    die 'nothing was changed' if $_ eq $text;
    open my $out, '>', $file or die "$file: $!";
    print $out $_;
    close $out;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: so many for each client, and then a challenge
--- http_config eval: $main::http
--- config eval: "$main::three location / { $main::upstream }"
--- script
my $all = '200 free/2, 200 free/1, 200 free/0, 402 absent/0, 402 absent/0';
for my $address ('192.0.2.1', '192.0.2.2', '10.0.0.1') {
    is(main::series(main::from($address), ('/') x 5), $all,
        "$name - $address");
}
is(main::series(main::from('192.0.2.1'), '/'), '402 absent/0',
    "$name - on another connection");
like(connection()->get('/', main::from('192.0.2.1'))->{body},
    qr/"reason":"absent"/, "$name - the challenge is as ever");


=== TEST 2: IPv6 by /64, and IPv4 is IPv4 however it is written
--- http_config eval: $main::http
--- config eval: "$main::three location / { $main::upstream }"
--- script
my $ask = sub ($address) { main::series(main::from($address), '/') };
is($ask->('2001:db8:0:1::1'), '200 free/2', "$name - a network");
is($ask->('2001:db8:0:1::2'), '200 free/1', "$name - the same");
is($ask->('2001:db8:0:1:ffff:ffff:ffff:ffff'), '200 free/0',
    "$name - to its end");
is($ask->('2001:db8:0:1::1'), '402 absent/0', "$name - all of it");
is($ask->('2001:db8:0:2::1'), '200 free/2', "$name - its neighbour");
is($ask->('192.0.2.1'), '200 free/2', "$name - IPv4");
is($ask->('::ffff:192.0.2.1'), '200 free/1', "$name - the same, mapped");
is($ask->('::ffff:192.0.2.2'), '200 free/2', "$name - another, mapped");
is($ask->('192.0.2.2'), '200 free/1', "$name - the same");
is($ask->('::fffe:192.0.2.1'), '200 free/2', "$name - one that is not");


=== TEST 3: the clients of a unix socket are one
--- http_config eval
"$main::http server { listen unix:$main::socket; $main::three
    location / { $main::upstream } }"
--- config
--- script
is(join(', ', map { main::said(connection("unix:$main::socket")->get('/')) }
    1 .. 4), '200 free/2, 200 free/1, 200 free/0, 402 absent/0', $name);


=== TEST 4: by key: of any length; without one nothing is free
--- http_config eval: $main::http
--- config eval
<<"END";
    large_client_header_buffers 4 32k;
    $main::sold
    l402_free 2/1d key=\$http_x_api_key;
    location / { $main::upstream }
END
--- script
my $key = sub ($key, $address = '192.0.2.1') {
    return main::series(["X-Api-Key: $key", main::from($address)], '/');
};
is($key->('a'), '200 free/1', "$name - a key");
is($key->('a', '192.0.2.9'), '200 free/0', "$name - at another address");
is($key->('a'), '402 absent/0', "$name - used up");
is($key->('b'), '200 free/1', "$name - another key");
is($key->('x' x 10000), '200 free/1', "$name - a long one");
is($key->('x' x 9999 . 'y'), '200 free/1', "$name - one that ends so");
is($key->('x' x 10000), '200 free/0', "$name - the long one again");
is($key->(''), '402 absent/-', "$name - an empty one");
is(main::series([], '/'), '402 absent/-', "$name - none");


=== TEST 5: who has paid takes none; who is no customer here is a stranger
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::sold
    l402_free 9/1d;
    location / { $main::upstream }
    location /tier { l402 weather:2; $main::upstream }
END
--- script
my $paid = main::field();
is(main::series($paid, ('/') x 3), join(', ', ('200 ok/-') x 3),
    "$name - paid");
for (['no credential', [], '200 free/8'],
     ['expired', main::field(valid_for => -1), '200 free/7'],
     ['for another service', main::field(service => 'tides'), '200 free/6'],
     ['another scheme', 'Authorization: Basic bWU6d29yZA==', '200 free/5'],
     ['malformed', 'Authorization: L402 x', '401 malformed/-'],
     ['forged', main::field(key => '5f' x 32), '402 bad_signature/-'],
     ['not its preimage', main::field(payment_hash => '5f' x 32),
         '402 bad_preimage/-'],
     ['a caveat', main::field(append => ['weather_valid_until=x']),
         '402 caveat_refused/-'],
     ['paid again', $paid, '200 ok/-'],
     ['no credential again', [], '200 free/4'])
{
    my ($what, $fields, $want) = @$_;
    is(main::series($fields, '/'), $want, "$name - $what");
}
is(main::series($paid, '/tier'), '200 free/3', "$name - too low a tier");


=== TEST 6: nobody's payment is in the log of a free request
--- http_config eval: $main::http
--- config eval: "$main::three location / { $main::upstream }"
--- script
fresh_log();
my $m = mint(valid_for => -1);
my $field = "Authorization: $m->{authorization}";
my $token = "token=$m->{token_id} payment=$m->{payment_hash}";
main::series($field, ('/') x 4);
is(logged(), "200 free/$_ token=- payment=-", "$name - free") for 2, 1, 0;
is(logged(), "402 expired/0 $token", "$name - refused");
--- backend_unlike
Authorization


=== TEST 7: what counts: every method; not a preflight, nor what costs nothing
--- http_config eval
$main::http . 'map $arg_p $price { 0 0; x x; default 10sat; }'
--- config eval
<<"END";
    $main::three
    location / { l402_price \$price; $main::upstream }
    location /others { l402_cors off; $main::upstream }
END
--- script
my @preflight = ('Origin: http://a', 'Access-Control-Request-Method: GET');
is(main::series([], ['OPTIONS /', @preflight], ['OPTIONS /others', @preflight],
        '/?p=0', '/?p=x', 'HEAD /', '/?p=0', 'POST /', 'OPTIONS /', '/',
        '/?p=0'),
    '204 free/-, 200 free/-, 200 free/-, 500 bad_price/-, 200 free/2, '
        . '200 free/-, 200 free/1, 200 free/0, 402 absent/0, 200 free/-',
    $name);


=== TEST 8: what inherits a directive shares its quota
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::three
    location /a { $main::upstream }
    location /b { l402 tides; $main::upstream }
    location /b/in/it { $main::upstream }
    location /own { l402_free 3/1d; $main::upstream }
    location /own/too { l402_free 3/1d; $main::upstream }
    location = /own { l402_free 3/1d; $main::upstream }
    location /off { l402_free off; $main::upstream }
    location /except {
        l402_free 3/1d;
        limit_except GET { l402_free 3/1d; }
        $main::upstream
    }
    location ~ "^/x" { l402_free 3/1d; $main::upstream }
    location /open { l402 off; $main::upstream }
END
--- script
is(main::series([], '/a', '/b', '/b/in/it', '/a', '/b'),
    '200 free/2, 200 free/1, 200 free/0, 402 absent/0, 402 absent/0',
    "$name - one directive");
is(main::series([], $_), '200 free/2', "$name - $_")
    for '/own', '/own/', '/own/too', '/xa', '/except', 'POST /except';
is(main::series([], '/own', '/xb'), '200 free/1, 200 free/1',
    "$name - each their own");
is(main::series([], '/off', '/open'), '402 absent/-, 200 -/-',
    "$name - the rest");


=== TEST 9: one for all servers, and servers without a name
--- http_config eval
"$main::http l402_free 2/1d;"
    . join '', map { "server { listen unix:$main::socket.$_; $main::sold
        location /own { l402_free 2/1d; $main::upstream }
        location / { $main::upstream } }" } 1, 2
--- config
--- script
my $ask = sub ($server, $path) {
    return main::said(connection("unix:$main::socket.$server")->get($path));
};
is($ask->(1, '/'), '200 free/1', "$name - the first");
is($ask->(2, '/'), '200 free/0', "$name - the second");
is($ask->(1, '/'), '402 absent/0', "$name - the first again");
is($ask->(1, '/own'), '200 free/1', "$name - what the first has of its own");
is($ask->(2, '/own'), '200 free/1', "$name - what the second has");
is($ask->(1, '/own'), '200 free/0', "$name - the first's again");


=== TEST 10: a request is counted once, wherever it is led
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::three
    location /try { try_files /none /inner; }
    location /missing { error_page 404 = /other; alias /nonexistent/; }
    location /inner { internal; $main::upstream }
    location /other { $main::upstream }
    location /first { l402_free 3/1d; try_files /none /second; }
    location /second { l402_free 2/1d; $main::upstream }
    location /asks { auth_request /other; $main::upstream }
    location /gratis { l402_price 0; $main::upstream }
    location /to_gratis { try_files /none /gratis; }
END
--- script
is(main::series(main::from('192.0.2.1'), '/try', '/missing', '/asks', '/try',
        '/other'),
    '200 free/2, 200 free/1, 200 free/0, 402 absent/0, 402 absent/0',
    "$name - within one quota");
is(main::series(main::from('192.0.2.2'), '/first', '/first', '/first',
        '/first'),
    '200 free/1, 200 free/0, 402 absent/0, 402 absent/0',
    "$name - from one into another");
is(main::series(main::from('192.0.2.2'), '/second'), '402 absent/0',
    "$name - which took of both");
is(main::series(main::from('192.0.2.3'), '/to_gratis', '/other'),
    '200 free/-, 200 free/1', "$name - what is left is of the last place");


=== TEST 11: $l402_unpaid_client looks and takes nothing
--- http_config eval
$main::http . "limit_req_zone \$l402_unpaid_client zone=u:1m rate=1r/m;\n"
--- config eval
<<"END";
    $main::three
    set \$early \$l402_unpaid_client;
    limit_req zone=u;
    limit_req_status 429;
    location / { $main::upstream }
    location /keys {
        l402_free 2/1d key=\$http_x_api_key;
        set \$early \$l402_unpaid_client;
        $main::upstream
    }
END
--- script
is(main::series(main::from('192.0.2.1'), ('/') x 6),
    '200 free/2, 200 free/1, 200 free/0, 402 absent/0, 429 -/-, 429 -/-',
    "$name - free requests are not limited");
is(main::series([main::from('192.0.2.1'), main::field()], ('/') x 3),
    '200 ok/-, 200 ok/-, 200 ok/-', "$name - nor is who has paid");
is(main::series(main::from('192.0.2.2'), ['/keys', 'X-Api-Key: a'],
        ['/keys', 'X-Api-Key: a'], '/keys', '/keys'),
    '200 free/1, 200 free/0, 402 absent/-, 429 -/-', "$name - by key");


=== TEST 12: beside other access modules: whom they refuse, or let in, has none
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::three
    auth_basic_user_file ../html/passwords;
    location / { $main::upstream }
    location /deny { deny 192.0.2.1; $main::upstream }
    location /password { auth_basic realm; $main::upstream }
    location /any/ {
        satisfy any;
        allow 192.0.2.1;
        deny all;
        location /any/password { auth_basic realm; $main::upstream }
        $main::upstream
    }
END
--- user_files
>>> passwords
user:{PLAIN}secret
--- script
my $basic = 'Authorization: Basic dXNlcjpzZWNyZXQ=';
is(main::series(main::from('192.0.2.1'), '/deny', '/password', '/any/',
        '/any/'),
    '403 -/-, 401 -/-, 200 -/-, 200 -/-', "$name - not counted");
is(main::series(main::from('192.0.2.1'), ['/password', $basic], '/', '/', '/'),
    '200 free/2, 200 free/1, 200 free/0, 402 absent/0', "$name - all there");
is(main::series(main::from('192.0.2.2'), ['/any/password', $basic], '/any/',
        '/any/password', '/any/', '/any/', ['/any/password', $basic]),
    '200 -/-, 200 free/2, 200 free/1, 200 free/0, 402 absent/0, 200 -/-',
    "$name - satisfy any");


=== TEST 13: workers count as one
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::sold
    keepalive_requests 10000;
    location /pid { l402 off; add_header X-Pid \$pid; $main::upstream }
    location / { l402_free 101/1d; $main::upstream }
END
--- script
my %worker;
main::until_true(30, sub {
    my $c = connection();
    my $pid = $c->get('/pid')->{headers}{'x-pid'}[0];
    $worker{$pid} //= $c;
    keys %worker == 2;
});
is(keys %worker, 2, "$name - there are two");
my %seen;
for my $i (1 .. 60) {
    # Both at once.
    $_->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n" x 2) for values %worker;
    for my $c (values %worker) {
        $seen{main::said($c->read)}++ for 1, 2;
    }
}
is_deeply(\%seen, { '402 absent/0' => 240 - 101,
    map { ("200 free/$_" => 1) } 0 .. 100 }, "$name - each number once");


=== TEST 14: over a reload
--- http_config eval: $main::http
--- config eval: "$main::three location / { $main::upstream }"
--- script
my $ask = sub { main::series(main::from($_[0]), '/') };
is($ask->('192.0.2.1'), '200 free/2', "$name - before");
reload();
is($ask->('192.0.2.1'), '200 free/1', "$name - it is counted on");
main::change(sub { s{^}{# a line more\n}; s{l402_free 3/}{l402_free 5/} });
reload();
is($ask->('192.0.2.1'), '200 free/2', "$name - at another line, and more");
main::change(sub { s{l402_free 5/}{l402_free 2/} });
reload();
is($ask->('192.0.2.1'), '402 absent/0', "$name - fewer than were had");
is($ask->('192.0.2.2'), '200 free/1', "$name - another client");
main::change(sub { s{l402_free 2/1d}{l402_free 2/1h} });
reload();
is($ask->('192.0.2.1'), '200 free/1', "$name - another time begins anew");
main::change(sub { s{l402_free 2/1h;}{} });
reload();
is($ask->('192.0.2.3'), '402 absent/-', "$name - none");
main::change(sub { s{(l402_price 10sat;)}{$1 l402_free 2/1h;} });
reload();
is($ask->('192.0.2.1'), '200 free/1', "$name - and back, with a new table");


=== TEST 15: the next window
--- http_config eval: $main::http
--- config eval: "$main::sold l402_free 1/1s; location / { $main::upstream }"
--- script
my $ask = sub { main::series([], '/') };
is($ask->(), '200 free/0', "$name - the first");
ok(main::until_true(30, sub { $ask->() eq '200 free/0' }), "$name - comes");


=== TEST 16: a table that is full: who has a window keeps it, others pay
--- http_config eval
fault('ok') . "l402_zone l402:256k;\n"
--- config eval
<<"END";
    $main::sold
    l402_free 2/1d key=\$arg_k;
    keepalive_requests 10000;
    location / { $main::upstream }
END
--- script
my ($c, %seen) = connection();
$seen{main::said($c->get("/?k=$_"))}++ for 1 .. 1700;
my $free = $seen{'200 free/1'};
ok($free > 900 && $free <= 1360, "$name - $free have a place");
is_deeply(\%seen, { '200 free/1' => $free, '402 absent/0' => 1700 - $free },
    "$name - the others have not");
is(main::said($c->get("/?k=$_")), '200 free/0', "$name - key $_ keeps it")
    for 1, 2, 900;
my @lines = error_log() =~ /\[warn\].*(l402: the zone "l402" has no room)/g;
is(@lines, 1, "$name - one line says so");


=== TEST 17: caches on the way keep no free answer for others
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::three
    location / { $main::upstream }
    location /gratis { l402_price 0; $main::upstream }
END
--- script
my $control = sub ($path) {
    return join ',', @{ connection()->get($path)->{headers}{'cache-control'}
        // [] };
};
is($control->('/'), 'private', "$name - free");
is($control->('/?header=Cache-Control:no-store'), 'no-store',
    "$name - the upstream's own word stands");
is($control->('/gratis'), '', "$name - a price of 0 has nothing to hide");


=== TEST 18: who has used up what he paid for is a stranger again
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::sold
    l402_uses 2;
    l402_free 2/1d;
    location / { $main::upstream }
END
--- script
my $m = mint(valid_for => 3600, append => ['weather_uses=2']);
is(main::series("Authorization: $m->{authorization}", ('/') x 5),
    '200 ok/-, 200 ok/-, 200 free/1, 200 free/0, 402 used_up/0', $name);


=== TEST 19: the least zone that nginx -t takes has room for them
--- bare_http_config
--- http_config eval
"l402_zone l402:76k;\nl402_key_file " . key_file() . ";\n" . fault('ok')
--- config eval: "$main::three location / { $main::upstream }"
--- script
is(main::series([], ('/') x 4),
    '200 free/2, 200 free/1, 200 free/0, 402 absent/0', $name);
--- no_error_log
no room
