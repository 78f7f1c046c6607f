# l402_admin: what it answers, and that each worker refuses from that moment
# what it was told to.

use v5.36;
use lib 't/lib';
use Digest::SHA qw(sha256_hex);
use JSON::PP qw(decode_json encode_json);
use Time::HiRes qw(time);
use Test::Nginx::Socket 'no_plan';
use L402;

master_on();
workers(2);

# With reuseport the kernel spreads connections over workers.
our $port = Test::Nginx::Util::server_port() + 1;

our $server = sub ($admin = 'location /l402/ { l402_admin; }', $more = '') {
    return <<"END";
    l402_zone l402:1m;
    server {
        listen 127.0.0.1:$main::port reuseport;
        add_header X-Worker \$pid always;
        allow 127.0.0.1;
        deny all;
        $more
        $admin
        location /weather/ {
            l402 weather;
            l402_price 10sat;
            proxy_pass http://127.0.0.1:\$TEST_NGINX_BACKEND_PORT;
        }
        location /ten/ {
            l402 ten;
            l402_price 10sat;
            l402_uses 10;
            proxy_pass http://127.0.0.1:\$TEST_NGINX_BACKEND_PORT;
        }
    }
END
};

sub client () { return connection($port) }

sub admin ($method, $path, $body = undef, @fields) {
    return client()->request($method, "/l402/$path", \@fields, $body);
}

sub header ($r, $name) { join ' & ', ($r->{headers}{$name} // [])->@* }

# An id that no other test has.
sub id ($n) { return sha256_hex("id $$ $n") }

# "201", or "404 not_revoked" where it is a problem document.
sub said ($r) {
    return 'no response' unless $r;
    return $r->{status}
        unless header($r, 'content-type') eq 'application/problem+json';
    my $problem = decode_json($r->{body});
    return "$r->{status} is not $problem->{status}"
        if $r->{status} != $problem->{status};
    return "$r->{status} $problem->{reason}";
}

# All of the list: "token <id>" => until.
sub revoked ($limit = 1000) {
    my ($after, %all) = ('');
    for (1 .. 1000) {
        my $page = decode_json(
            admin('GET', "revocations?limit=$limit$after")->{body});
        for ($page->{revocations}->@*) {
            my $what = $_->{token_id} ? "token $_->{token_id}"
                                      : "payment $_->{payment_hash}";
            die "$what comes twice\n" if exists $all{$what};
            $all{$what} = $_->{until} // 'for good';
        }
        die "a page of too many\n" if $page->{revocations}->@* > $limit;
        return \%all unless defined $page->{next};
        $after = "&after=$page->{next}";
    }
    die "the list has no end\n";
}

# A kept connection to each of the two workers.
sub each_worker () {
    my %to;
    for (1 .. 500) {
        my $connection = client();
        my $r = $connection->get('/nothing');
        $to{header($r, 'x-worker')} //= $connection;
        return values %to if keys %to == 2;
    }
    die "connections to one worker only\n";
}

# What each worker says to a credential.
sub verdicts_of ($path, $field, @connections) {
    return join ' ', map { verdict($_->get($path, $field)) } @connections;
}

sub paid (%with) {
    my $m = mint(%with);
    return { %$m, field => "Authorization: $m->{authorization}" };
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a token is refused by each worker from the moment of the answer
--- http_config eval: $main::server->()
--- config
--- script
my @workers = each_worker();
for my $n (1 .. 20) {
    my $paid = paid();
    my $path = "revocations/token/$paid->{token_id}";
    my $all = sub { verdicts_of('/weather/', $paid->{field}, @workers) };

    is($all->(), 'ok ok', "$name - $n opens");
    is(said(admin('PUT', $path)), 201, "$name - $n is revoked");
    is($all->(), 'revoked revoked', "$name - $n is refused");
    is(verdict(client()->get('/weather/', paid()->{field})), 'ok',
        "$name - $n and no other");
    is(said(admin('DELETE', $path)), 204, "$name - $n is let in again");
    is($all->(), 'ok ok', "$name - $n opens again");
}


=== TEST 2: by whichever worker it was told
--- http_config eval: $main::server->()
--- config
--- script
my @workers = each_worker();
for my $worker (@workers) {
    my $paid = paid();
    my $path = "/l402/revocations/token/$paid->{token_id}";
    is(said($worker->request('PUT', $path)), 201, $name);
    is(verdicts_of('/weather/', $paid->{field}, @workers),
        'revoked revoked', $name);
    is(said($worker->request('DELETE', $path)), 204, $name);
    is(verdicts_of('/weather/', $paid->{field}, @workers), 'ok ok', $name);
}


=== TEST 3: a payment ends all that it has bought, a token id all its copies
--- http_config eval: $main::server->()
--- config
--- script
my $paid = paid();
my %same = map { $_ => $paid->{$_} } qw(preimage payment_hash);
my $other_token = paid(%same);
my $copy = paid(%same, token_id => $paid->{token_id},
                append => ['request_method=GET']);
my $opens = sub {
    join ' ', map { verdict(client()->get('/weather/', $_->{field})) }
        $paid, $copy, $other_token };

is($opens->(), 'ok ok ok', $name);
admin('PUT', "revocations/token/$paid->{token_id}");
is($opens->(), 'revoked revoked ok', "$name - the token");
admin('PUT', "revocations/payment/$paid->{payment_hash}");
is($opens->(), 'revoked revoked revoked', "$name - and the payment");
admin('DELETE', "revocations/token/$paid->{token_id}");
is($opens->(), 'revoked revoked revoked', "$name - the payment alone");
admin('DELETE', "revocations/payment/$paid->{payment_hash}");
is($opens->(), 'ok ok ok', "$name - neither");


=== TEST 4: a reload keeps it
--- http_config eval: $main::server->()
--- config
--- script
my $paid = paid();
my $until = int(time) + 3600;
admin('PUT', "revocations/token/$paid->{token_id}", qq({"until":$until}));
for (1 .. 3) {
    reload();
    is(verdicts_of('/weather/', $paid->{field}, each_worker()),
        'revoked revoked', "$name - $_");
    is(revoked()->{"token $paid->{token_id}"}, $until, "$name - $_, listed");
}
is(said(admin('DELETE', "revocations/token/$paid->{token_id}")), 204, $name);
is(verdicts_of('/weather/', $paid->{field}, each_worker()), 'ok ok', $name);


=== TEST 5: it says whether it stood, and takes the new time
--- http_config eval: $main::server->()
--- config
--- script
my $until = int(time) + 1000;
for my $kind (qw(token payment)) {
    my ($id, $what) = (id($kind), "$kind " . id($kind));
    my $path = "revocations/$kind/$id";
    my $listed = sub { revoked()->{$what} // 'nothing' };

    is(said(admin('DELETE', $path)), '404 not_revoked', "$name - $kind");
    is(said(admin('PUT', $path)), 201, "$name - $kind is made");
    is($listed->(), 'for good', "$name - $kind for good");
    is(said(admin('PUT', $path, qq({"until":$until}))), 200,
        "$name - $kind stood");
    is($listed->(), $until, "$name - $kind until then");
    is(said(admin('PUT', "revocations/$kind/" . uc $id, '{"until":null}')),
        200, "$name - $kind in upper case");
    is($listed->(), 'for good', "$name - $kind for good again");
    is(said(admin('DELETE', $path)), 204, "$name - $kind is gone");
    is(said(admin('DELETE', $path)), '404 not_revoked', "$name - $kind, twice");
    is($listed->(), 'nothing', "$name - $kind is not listed");
}


=== TEST 6: pages of the list have each entry once
--- http_config eval: $main::server->()
--- config
--- script
is_deeply(revoked(), {}, "$name - nothing yet");
my (%wanted, $connection);
for my $n (1 .. 250) {
    $connection //= client();
    my $kind = $n % 2 ? 'token' : 'payment';
    my $until = $n % 3 ? int(time) + 1000 + $n : 'for good';
    $connection->request('PUT', "/l402/revocations/$kind/" . id($n), [],
        $n % 3 ? qq({"until":$until}) : undef);
    $wanted{"$kind " . id($n)} = $until;
}
is_deeply(revoked($_), \%wanted, "$name - pages of $_")
    for 1, 7, 125, 249, 250, 251, 10000;
my $page = decode_json(admin('GET', 'revocations')->{body});
is(scalar $page->{revocations}->@*, 250, "$name - a thousand a page");
is($page->{next}, undef, "$name - the last page");
is($page->{redis}, undef, "$name - no Redis");

# Gaps.
for my $n (grep { $_ % 5 } 1 .. 250) {
    my $kind = $n % 2 ? 'token' : 'payment';
    $connection->request('DELETE', "/l402/revocations/$kind/" . id($n));
    delete $wanted{"$kind " . id($n)};
}
is_deeply(revoked($_), \%wanted, "$name - pages of $_, with gaps") for 1, 7, 60;
is(decode_json(admin('GET', 'revocations?after=999999999999')->{body})
    ->{revocations}->@*, 0, "$name - behind the end");


=== TEST 7: what is not understood is told, and changes nothing
--- http_config eval: $main::server->()
--- config
--- script
my $id = id('x');
my $token = "revocations/token/$id";
my $past = int(time) - 1;
for (
    ['GET', '', undef, '404 unknown_path'],
    ['GET', 'revocation', undef, '404 unknown_path'],
    ['PUT', "revocations/tokens/$id", undef, '404 unknown_path'],
    ['PUT', 'revocations/token/', undef, '404 unknown_path'],
    ['PUT', "revocations/token/$id/x", undef, '400 bad_id'],
    ['PUT', 'revocations/token/' . substr($id, 1), undef, '400 bad_id'],
    ['PUT', "revocations/token/${id}0", undef, '400 bad_id'],
    ['PUT', 'revocations/payment/' . 'g' x 64, undef, '400 bad_id'],
    ['DELETE', 'revocations/payment/x', undef, '400 bad_id'],
    ['GET', 'payments/x', undef, '400 bad_id'],
    ['GET', 'revocations?limit=0', undef, '400 bad_query'],
    ['GET', 'revocations?limit=10001', undef, '400 bad_query'],
    ['GET', 'revocations?limit=x', undef, '400 bad_query'],
    ['GET', 'revocations?after=x', undef, '400 bad_query'],
    ['GET', 'revocations?page=1', undef, '400 bad_query'],
    ['PUT', $token, 'x', '400 bad_body'],
    ['PUT', $token, '[]', '400 bad_body'],
    ['PUT', $token, '{"until":"soon"}', '400 bad_body'],
    ['PUT', $token, '{"until":1.5}', '400 bad_body'],
    ['PUT', $token, '{"untill":1}', '400 bad_body'],
    ['PUT', $token, '{"until":' . int(time() * 1000) . '}', '400 bad_body'],
    ['PUT', $token, qq({"until":$past}), '400 until_past'],
    ['PUT', $token, '{"until":0}', '400 until_past'],
    ['PUT', $token, '{"until":-1}', '400 until_past'],
    ['PUT', $token, ' ' x 4097, '413 body_too_large'],
    ['PUT', $token, '[' x 4096, '400 bad_body'],
    ['GET', "payments/$id", undef, '404 unknown_payment'],
) {
    my ($method, $path, $body, $wanted) = @$_;
    my $r = admin($method, $path, $body);
    my $what = "$name - $method $path " . substr $body // '', 0, 30;
    is(said($r), $wanted, $what);
    is(header($r, 'cache-control'), 'no-store', "$what - not for caches");
}
is_deeply(revoked(), {}, "$name - nothing was changed");


=== TEST 8: each path has its methods
--- http_config eval: $main::server->()
--- config
--- script
my $id = id('x');
my @methods = qw(GET HEAD PUT DELETE POST PATCH OPTIONS MKCOL);
for (['revocations', 'GET, HEAD'], ["payments/$id", 'GET, HEAD'],
     ["revocations/token/$id", 'PUT, DELETE'],
     ["revocations/payment/$id", 'PUT, DELETE'])
{
    my ($path, $allow) = @$_;
    for my $method (@methods) {
        my $r = admin($method, $path, $method =~ /P/ ? '' : undef);
        my $what = "$name - $method $path";
        if ($allow =~ /\b$method\b/) {
            isnt($r->{status}, 405, $what);
            is(header($r, 'allow'), '', $what);
        } else {
            is($r->{status}, 405, $what);
            is(header($r, 'allow'), $allow, "$what - Allow");
        }
    }
}


=== TEST 9: HEAD is GET without the body
--- http_config eval: $main::server->()
--- config
--- script
admin('PUT', 'revocations/token/' . id('x'));
for my $path ('revocations', 'revocations?limit=x', 'payments/' . id('y')) {
    my $get = admin('GET', $path);
    my $head = admin('HEAD', $path);
    is($head->{status}, $get->{status}, "$name - $path");
    is(header($head, $_), header($get, $_), "$name - $path, $_")
        for qw(content-type content-length cache-control);
    is(header($get, 'content-length'), length $get->{body},
        "$name - $path, the length");
}


=== TEST 10: what is counted of a payment
--- http_config eval: $main::server->()
--- config
--- script
my $expires = int(time) + 3600;
my $paid = paid(service => 'ten', caveats => ['services=ten:0',
    "ten_valid_until=$expires", 'ten_uses=10']);
my $path = "payments/$paid->{payment_hash}";
my $counted = sub { decode_json(admin('GET', $path)->{body}) };

is(said(admin('GET', $path)), '404 unknown_payment', "$name - nothing yet");
for my $n (1 .. 10) {
    is(verdict(client()->get('/ten/', $paid->{field})), 'ok', $name);
    my $p = $counted->();
    is_deeply([ $p->@{qw(payment_hash uses uses_held uses_limit uses_left)} ],
        [ $paid->{payment_hash}, $n, 0, 10, 10 - $n ], "$name - $n");
    is($p->{expires}, $expires, "$name - $n, until");
    is($p->{balance_msat}, undef, "$name - $n, no balance");
}
is(verdict(client()->get('/ten/', $paid->{field})), 'used_up', $name);
is($counted->()->{uses}, 10, $name);
ok(!$counted->()->{revoked}, "$name - not revoked");
admin('PUT', "revocations/payment/$paid->{payment_hash}");
ok($counted->()->{revoked}, "$name - revoked");


=== TEST 11: bodies come as they may
--- http_config eval
$main::server->('location /l402/ { l402_admin; }
    location /file/ { l402_admin; client_body_in_file_only clean; }
    location /small/ { l402_admin; client_body_buffer_size 16; }
    location /short/ { l402_admin; client_max_body_size 100; }')
--- config
--- script
my $until = int(time) + 1000;
my $body = qq({ "until": $until });
my $path = 'revocations/token/' . id('x');
my $listed = sub { revoked()->{'token ' . id('x')} };
for my $at (qw(l402 file small)) {
    admin('DELETE', $path);
    is(said(client()->request('PUT', "/$at/$path", [], $body)), 201,
        "$name - $at");
    is($listed->(), $until, "$name - $at");

    admin('DELETE', $path);
    my $connection = client();
    $connection->send("PUT /$at/$path HTTP/1.1\r\nHost: localhost\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    $connection->send(sprintf "1\r\n%s\r\n", $_) for split //, $body;
    $connection->send("0\r\n\r\n");
    is(said($connection->read), 201, "$name - $at, in chunks");
    is($listed->(), $until, "$name - $at, in chunks");
    is(said($connection->request('DELETE', "/$at/$path")), 204,
        "$name - $at, the connection is good");

    $connection = client();
    $connection->send("PUT /$at/$path HTTP/1.1\r\nHost: localhost\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n1388\r\n" . ' ' x 5000
        . "\r\n0\r\n\r\n");
    is(said($connection->read), '413 body_too_large',
        "$name - $at, too large in chunks");
    is($listed->(), undef, "$name - $at, not revoked");
}
is(client()->request('PUT', "/short/$path", [], ' ' x 200)->{status},
    413, "$name - nginx's own limit");
is(said(client()->request('PUT', "/l402/$path",
    ['Expect: 100-continue'], $body)), 100, "$name - Expect");


=== TEST 12: a connection is good for more after a refusal
--- http_config eval: $main::server->()
--- config
--- script
my $connection = client();
for my $body (undef, '', 'x' x 100, ' ' x 5000, ' ' x 100_000) {
    for (['PUT', 'nothing'], ['POST', 'revocations'],
         ['DELETE', 'revocations/token/' . id('x')], ['GET', 'revocations'],
         ['PUT', 'revocations/token/1'])
    {
        my ($method, $path) = @$_;
        my $r = $connection->request($method, "/l402/$path", [], $body);
        my $what = "$name - $method $path with " . length($body // '');
        isnt(said($r), 'no response', $what);
        $connection = client() if header($r, 'connection') eq 'close';
        is(said($connection->get('/l402/revocations')), 200, "$what - next");
    }
}


=== TEST 13: a full zone says so, and has room again
--- http_config eval: $main::server->() =~ s/l402:1m/l402:256k/r
--- config
--- script
my $connection = client();
my $put = sub ($n) { said($connection->request('PUT',
    '/l402/revocations/token/' . id($n))) };
my $n = 0;
my $said = 201;
while ($said eq 201 && $n < 20_000) {
    $connection = client() if $n % 500 == 0;
    $said = $put->(++$n);
}
is($said, '507 zone_full', "$name - with $n");
ok($n > 100, "$name - not before");
is(scalar keys revoked()->%*, $n - 1, "$name - all the others are there");
$connection = client();
is($put->(1), 200, "$name - one that stands");
is($put->($n), '507 zone_full', "$name - still");
is(said($connection->request('DELETE', '/l402/revocations/token/' . id(1))),
    204, "$name - one goes");
is($put->($n), 201, "$name - and makes room");
my $paid = paid();
is(verdict(client()->get('/weather/', $paid->{field})), 'ok',
    "$name - tokens open");


=== TEST 14: the location's name, and what follows it
--- http_config eval
$main::server->('location /l402 { l402_admin; }
    location / { l402_admin; }
    location ^~ /a%20b/ { l402_admin; }
    location ^~ "/c d/" { l402_admin; }
    location /from/ { rewrite ^/from/(.*) /l402/$1 last; }
    location /break/ { rewrite ^/break/(.*) /x/$1 break; l402_admin; }')
--- config
--- script
for (
    ['/l402/revocations', 200], ['/l402revocations', 200],
    ['/l402/revocations/', 200], ['/revocations', 200], ['//revocations', 200],
    ['/c%20d/revocations', 200], ['/from/revocations', 200],
    ['/l402/%72evocations', 200], ['/l402/x/../revocations', 200],
    ['/l402/revocations//', 200], ['/l402', '404 unknown_path'],
    ['/break/revocations', '404 unknown_path'],
    ['/x/revocations', '404 unknown_path'],
) {
    my ($path, $wanted) = @$_;
    is(said(client()->get($path)), $wanted, "$name - $path");
}


=== TEST 15: who is let in is the location's business
--- http_config eval
my $users = write_secret('users', "me:{PLAIN}secret\n", 0644);
$main::server->("location /l402/ { l402_admin; }
    location /deny/ { l402_admin; deny all; }
    location /basic/ { l402_admin; auth_basic x; auth_basic_user_file $users; }
    location /read/ { l402_admin; limit_except GET { deny all; } }
    location /most/ { l402_admin; limit_except GET { allow all; } }
    location /if/ { l402_admin; if (\$arg_x) { add_header X-If yes; } }")
--- config
--- script
my $path = 'revocations/token/' . id('x');
my $ask = sub ($method, $at, @fields) {
    said(client()->request($method, $at, \@fields)) };
is($ask->('GET', '/deny/revocations'), 403, "$name - deny");
is($ask->('PUT', "/deny/$path"), 403, "$name - deny, PUT");
is($ask->('GET', '/basic/revocations'), 401, "$name - no password");
is($ask->('GET', '/basic/revocations', 'Authorization: Basic bWU6c2VjcmV0'),
    200, "$name - the password");
is($ask->('GET', '/read/revocations'), 200, "$name - limit_except");
is($ask->('PUT', "/read/$path"), 403, "$name - limit_except, PUT");
is($ask->('PUT', "/most/$path"), 201, "$name - limit_except for PUT");
is($ask->('DELETE', "/if/$path?x=1"), 204, "$name - in an if");
is_deeply(revoked(), {}, $name);


=== TEST 16: no error_page stands in for an answer
--- http_config eval
$main::server->('location /l402/ { l402_admin; }',
    'error_page 400 404 405 413 =200 /page; location = /page { return 200; }')
--- config
--- script
is(said(admin('GET', 'x')), '404 unknown_path', $name);
is(said(admin('GET', 'payments/x')), '400 bad_id', $name);
is(said(admin('POST', 'revocations')), '405 bad_method', $name);
is(said(admin('PUT', 'revocations/token/' . id('x'), ' ' x 5000)),
    '413 body_too_large', $name);


=== TEST 17: a change is in the log, and who made it
--- http_config eval: $main::server->()
--- config
--- script
my $id = id('x');
admin('PUT', "revocations/token/$id");
admin('DELETE', "revocations/token/$id");
admin('PUT', "revocations/payment/$id");
my $log = error_log();
like($log, qr/\[notice\].* l402: revoked token $id, client: 127\.0\.0\.1/,
    "$name - revoked");
like($log, qr/\[notice\].* l402: no longer revoked: token $id, client/,
    "$name - ended");
like($log, qr/\[notice\].* l402: revoked payment $id, client/,
    "$name - a payment");
