# Payment beside nginx's own access modules: with `satisfy any` each of them
# is enough, and without it they refuse before anybody is asked to pay.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $passwords = <<'END';
>>> passwords
user:{PLAIN}secret
END
our $basic = 'Authorization: Basic dXNlcjpzZWNyZXQ=';
our $wrong = 'Authorization: Basic dXNlcjp3cm9uZw==';
our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our $auth = 'auth_basic realm; auth_basic_user_file ../html/passwords;';

sub get ($path, @headers) { connection()->get($path, @headers) }

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: satisfy any with allow lets in without payment
--- config eval
<<"END";
    location /weather/ {
        satisfy any;
        allow 127.0.0.1;
        deny all;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /static/ {
        satisfy any;
        allow 127.0.0.1;
        l402 weather;
        l402_price 10sat;
    }
    location /redirect/ {
        satisfy any;
        allow 127.0.0.1;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /return/ {
        satisfy any;
        allow 127.0.0.1;
        l402 weather;
        l402_price 10sat;
        return 200 "made before the access phase";
    }
END
--- user_files
>>> static/a.txt
static
--- script
my $r = main::get('/weather/');
is($r->{status}, 200, "$name - upstream");
is($r->{headers}{'www-authenticate'}, undef, "$name - no challenge");
is(main::get('/static/a.txt')->{status}, 200, "$name - a file");
is(main::get('/redirect/?status=302')->{status}, 302, "$name - a redirect");
is(main::get('/return/')->{status}, 500,
   "$name - but nobody was asked where the rewrite phase answers");
--- invoices: 0
--- backend: 2



=== TEST 2: satisfy any, not allowed: pay
--- config eval
<<"END";
    location /weather/ {
        satisfy any;
        deny all;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
my $r = main::get('/weather/');
is($r->{status}, 402, "$name - unpaid");
ok(parse_challenge($r->{headers}{'www-authenticate'}[0]), "$name - challenge");
is(main::get('/weather/', 'Authorization: ' . credential())->{status}, 200,
   "$name - paid");
is(main::get('/weather/', 'Authorization: ' . credential(key => '00' x 32))
       ->{status}, 402, "$name - forged");
--- invoices: 2
--- backend: 1



=== TEST 3: satisfy any with auth_basic: a password or a payment
--- config eval
<<"END";
    location /weather/ {
        satisfy any;
        $main::auth
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- user_files eval: $main::passwords
--- script
for my $headers ([], [$main::wrong], ['Authorization: Bearer x']) {
    my $r = main::get('/weather/', @$headers);
    my $fields = $r->{headers}{'www-authenticate'};
    is($r->{status}, 402, "$name - neither");
    is(scalar @$fields, 2, "$name - two fields");
    ok(parse_challenge($fields->[0]), "$name - ours first, by itself");
    is($fields->[1], 'Basic realm="realm"', "$name - Basic behind it");
}
my $r = main::get('/weather/', $main::basic);
is($r->{status}, 200, "$name - a password");
like((backend_requests())[-1], qr/^\Q$main::basic\E\r$/m,
     "$name - which is the upstream's as well");
$r = main::get('/weather/', 'Authorization: ' . credential());
is($r->{status}, 200, "$name - a payment");
is($r->{headers}{'www-authenticate'}, undef, "$name - no challenge stays");
--- invoices: 3
--- backend: 2



=== TEST 4: satisfy any with auth_request
--- config eval
<<"END";
    location /weather/ {
        satisfy any;
        auth_request /auth;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location = /auth {
        internal;
        if (\$http_x_user) { return 204; }
        if (\$http_x_wrong) { return 401; }
        return 403;
    }
END
--- script
is(main::get('/weather/', 'X-User: a')->{status}, 200, "$name - known");
is(main::get('/weather/')->{status}, 402, "$name - unknown");
my $r = main::get('/weather/', 'X-Wrong: a');
is($r->{status}, 402, "$name - without a login");
ok(parse_challenge($r->{headers}{'www-authenticate'}[0]), "$name - challenge");
is(main::get('/weather/', 'Authorization: ' . credential())->{status}, 200,
   "$name - paid");
--- invoices: 2
--- backend: 2



=== TEST 5: deny refuses before an invoice is made
--- config eval
<<"END";
    location /weather/ {
        deny 127.0.0.1;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
for my $headers ([], ['Authorization: ' . credential()],
                 ['Origin: http://a', 'Access-Control-Request-Method: GET']) {
    for my $method (qw(GET POST OPTIONS)) {
        my $r = connection()->request($method, '/weather/', $headers);
        is($r->{status}, 403, "$name - $method");
        is($r->{headers}{'www-authenticate'}, undef, "$name - no challenge");
    }
}
--- invoices: 0
--- backend: 0



=== TEST 6: auth_basic refuses before an invoice is made
--- config eval
<<"END";
    location /weather/ {
        $main::auth
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- user_files eval: $main::passwords
--- script
my $before = invoices_made();
for my $header ('X: y', $main::wrong, 'Authorization: ' . credential(),
                'Macaroon: ' . hex_credential()) {
    my $r = main::get('/weather/', $header);
    is($r->{status}, 401, "$name - no password");
    is_deeply($r->{headers}{'www-authenticate'}, ['Basic realm="realm"'],
              "$name - Basic alone");
}
is(invoices_made(), $before, "$name - no invoice");

# With a password there is the price; who has both has both.
my $r = main::get('/weather/', $main::basic);
is($r->{status}, 402, "$name - a password alone");
ok(parse_challenge($r->{headers}{'www-authenticate'}[0]), "$name - challenge");
$r = main::get('/weather/', $main::basic, 'Macaroon: ' . hex_credential());
is($r->{status}, 200, "$name - a password and a payment");
like((backend_requests())[-1], qr/^\Q$main::basic\E\r$/m,
     "$name - the password goes on");
unlike((backend_requests())[-1], qr/^Macaroon/mi, "$name - the payment not");
--- invoices: 1
--- backend: 1



=== TEST 7: auth_request refuses before an invoice is made
--- config eval
<<"END";
    location /weather/ {
        auth_request /auth;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location = /auth {
        internal;
        if (\$http_x_user) { return 204; }
        if (\$http_x_wrong) { return 401; }
        return 403;
    }
END
--- script
my $before = invoices_made();
is(main::get('/weather/', 'X-Wrong: a')->{status}, 401, "$name - 401");
is(main::get('/weather/')->{status}, 403, "$name - 403");
is(main::get('/weather/', 'Authorization: ' . credential())->{status}, 403,
   "$name - 403, paid or not");
is(invoices_made(), $before, "$name - no invoice");
is(main::get('/weather/', 'X-User: a')->{status}, 402, "$name - known, unpaid");
is(main::get('/weather/', 'X-User: a', 'Authorization: ' . credential())->{status},
   200, "$name - known, paid");
--- invoices: 1
--- backend: 1



=== TEST 8: an auth_request to a protected location does not open its own
--- config eval
<<"END";
    location /weather/ {
        auth_request /auth;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location = /auth { l402 weather; l402_price 10sat; return 204; }
    location /open/ { auth_request /auth_free; $main::upstream }
    location = /auth_free { internal; return 204; }
END
--- script
is(main::get('/weather/')->{status}, 402, "$name - unpaid");
is(main::get('/weather/', 'Authorization: ' . credential())->{status}, 200,
   "$name - paid");
is(main::get('/open/')->{status}, 200, "$name - not protected");
--- invoices: 1
--- backend: 2
