# What is counted of a request that is led through several locations, that is
# answered by somebody else than its upstream, or whose client has left.

use v5.36;
use lib 't/lib';
use Time::HiRes qw(time sleep);
use IO::Select;
use IO::Socket::INET;
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Counts;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $mute_port = free_port();

our $config = <<"END";
    l402 weather;
    l402_price 100sat;
    l402_invoice_from fault_ok;
    add_header X-Uses \$l402_uses_left always;
    add_header X-Left \$l402_balance_msat always;

    location /cheap { l402_metered 1sat; try_files /none /dear; }
    location /dear { l402_metered 30sat; $upstream }
    location /dear/cheap { l402_metered 30sat; try_files /none /small; }
    location /small { l402_metered 1sat; $upstream }
    location /answer {
        l402_metered \$upstream_http_x_cost hold=20sat;
        error_page 404 = /page.txt;
        proxy_intercept_errors on;
        $upstream
    }
    location = /page.txt { l402_metered 1sat; }

    location /uses {
        l402_uses 3;
        l402_refund 502;
        client_max_body_size 10;
        $upstream
    }
    location /said { l402_uses 3; try_files /none /said/so; }
    location /said/so { l402_uses 3; return 200 "said\\n"; }
    location /acted {
        l402_uses 3;
        post_action /after;
        $upstream
    }
    location = /after {
        internal;
        l402 off;
        proxy_method GET;
        proxy_pass_request_body off;
        proxy_set_header Content-Length "";
        $upstream
    }
    location /both {
        l402_uses 3;
        l402_pass_credential on;
        try_files /none /tides;
    }
    location /tides { l402 tides; l402_uses 2; $upstream }
    location /once {
        l402_uses 3;
        l402_pass_credential on;
        error_page 404 = /tides;
        proxy_intercept_errors on;
        $upstream
    }

    location /blind { l402_revocation off; try_files /none /seeing; }
    location /seeing { internal; $upstream }
    location /admin/ { l402 off; l402_admin; allow 127.0.0.1; deny all; }
END

our $http = "l402_zone walk:1m;\n" . fault('ok');

sub uses ($n = 3) { return mint(append => ["weather_uses=$n"]) }

sub left ($r, $of) { return ($r->{headers}{$of} // ['none'])->[0] }

sub series ($of, $fields, @paths) {
    return series_of($of, connection(), $fields, @paths);
}

sub backend_paths { return [ map { m{^\S+ (\S+)} } backend_requests() ] }

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the dearest location that a request is led through is charged
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(mint(append => ['weather_balance=100000']));
is(main::series('x-left', $f, '/small', '/cheap', '/dear/cheap', '/cheap'),
   'ok/99000 ok/69000 ok/39000 ok/9000', $name);
is(main::series('x-left', $f, '/cheap', '/small'), 'used_up/9000 ok/8000',
   "$name - too little for it is left");


=== TEST 2: a cost that has come stays the cost behind an error_page
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(mint(append => ['weather_balance=100000']));
is(main::series('x-left', $f, '/answer?status=404&header=X-Cost:7sat'),
   'ok/93000', $name);
--- user_files
>>> page.txt
a page


=== TEST 3: a location that another payment opens is counted of that one
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $weather = main::uses(3);
my $tides = mint(service => 'tides', append => ['tides_uses=2']);
my $hex = 'Macaroon: ' . hex_credential(service => 'tides',
    map { $_ => $tides->{$_} } qw(preimage token_id caveats));
my $f = [credential_field($weather), $hex];
is(main::series('x-uses', $f, '/both', '/both', '/both'),
   'ok/1 ok/0 used_up/0', $name);
is(main::series('x-uses', credential_field($weather), '/uses'), 'ok/2',
   "$name - where the first had no answer, nothing of it is charged");

$tides = mint(service => 'tides', append => ['tides_uses=2']);
$hex = 'Macaroon: ' . hex_credential(service => 'tides',
    map { $_ => $tides->{$_} } qw(preimage token_id caveats));
main::series('x-uses', [credential_field($weather), $hex], '/once?status=404');
is(main::series('x-uses', credential_field($weather), '/uses'), 'ok/0',
   "$name - and where it had one, it is");


=== TEST 4: what the last gate replaces is not charged
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::uses(1));
is(main::series('x-uses', $f, '/said', '/uses', '/uses'),
   '500/none ok/0 used_up/0', $name);
--- no_check_error_log


=== TEST 5: a body that is too large was never sent on
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $f = credential_field(main::uses(1));
my $c = connection();
$c->send("POST /uses HTTP/1.1\r\nHost: a\r\n$f\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n20\r\n" . 'x' x 32 . "\r\n0\r\n\r\n");
is($c->read('POST')->{status}, 413, "$name - 413");
is(main::series('x-uses', $f, '/uses', '/uses'), 'ok/0 used_up/0', $name);
--- backend: 1
--- no_check_error_log


=== TEST 6: a client that leaves, where a post_action follows
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = main::uses(2);
my $c = connection();
$c->send("POST /acted HTTP/1.1\r\nHost: a\r\n" . credential_field($m)
    . "\r\nContent-Length: 10\r\n\r\nhalf");
sleep 0.2;
$c->close;
my $after = sub { grep { $_ eq '/after' } main::backend_paths()->@* };
ok(until_true(5, sub { $after->() == 1 }), "$name - it is carried out");
is(main::series('x-uses', credential_field($m), '/uses'), 'ok/1',
   "$name - what was not sent on is not charged for it");
is(main::series('x-uses', credential_field($m), '/acted', '/uses'),
   'ok/0 used_up/0', "$name - what was answered is");
--- no_check_error_log


=== TEST 7: a client that leaves while its request waits, and a post_action
--- http_config eval
$main::http . service('wait1500', more => 'timeout 5s;',
    url => "$ENV{L402_FAULT_URL}/wait1500-walk-t$$")
--- config eval
<<"END"
    location / {
        l402 slow;
        l402_price 10sat;
        l402_settled require;
        l402_invoice_from wait1500;
        post_action /after;
        $main::upstream
    }
    location = /after { proxy_pass http://127.0.0.1:$main::mute_port; }
END
--- script
# Takes a request and never answers.
my $mute = IO::Socket::INET->new(Listen => 5, LocalPort => $main::mute_port,
    LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "mute: $!";
my $c = connection();
$c->send("GET / HTTP/1.1\r\nHost: a\r\n"
    . credential_field(mint(service => 'slow')) . "\r\n\r\n");
sleep 0.3;
$c->close;
my $comes = sub ($seconds) { IO::Select->new($mute)->can_read($seconds) };
ok($comes->(5), "$name - it is carried out");
my $asked = $mute->accept;
ok(!$comes->(2.5), "$name - what it waited for, and comes, does not wake it");
--- backend: 0
--- no_check_error_log


=== TEST 8: the same of a request that waits for an invoice
--- config eval
<<"END"
    location / {
        l402 slow;
        l402_price 10sat;
        l402_invoice_from fault_slow500;
        post_action /after;
    }
    location = /after { proxy_pass http://127.0.0.1:$main::mute_port; }
END
--- script
my $mute = IO::Socket::INET->new(Listen => 5, LocalPort => $main::mute_port,
    LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "mute: $!";
my $c = connection();
$c->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
sleep 0.1;
$c->close;
ok(IO::Select->new($mute)->can_read(5), "$name - it is carried out");
my $asked = $mute->accept;
sysread $asked, my $got, 4096;
ok(!IO::Select->new($asked)->can_read(1.5), "$name - and is not cut short");
--- no_check_error_log


=== TEST 9: a token that was revoked, where a location does not look
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = mint();
my $f = credential_field($m);
is(main::series('x-uses', $f, '/blind'), 'ok/none', "$name - before");
my $put = connection()->request(PUT =>
    "/admin/revocations/token/$m->{token_id}", ['Content-Length: 0']);
is($put->{status}, 201, "$name - is revoked");
is(main::series('x-uses', $f, '/blind'), 'revoked/none',
   "$name - what it leads to does");
--- no_check_error_log


=== TEST 10: where nothing is counted, what would have to be is refused
--- http_config eval: main::fault('ok')
--- config
    l402_price 10sat;
    l402_invoice_from fault_ok;
    location / {
        l402 weather;
        set $early $l402_unpaid_client;
        add_header X-Unpaid $early always;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $r = connection()->get('/', credential_field(main::uses(3)));
is(verdict($r), 'caveat_refused', $name);
ok(main::left($r, 'x-unpaid') ne 'none', "$name - to limit_req as well");
--- backend: 0
