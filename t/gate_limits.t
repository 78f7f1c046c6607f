# limit_req and limit_conn refuse before an invoice is made, and name a time.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

sub get ($path, @headers) { connection()->get($path, @headers) }

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: limit_req refuses before an invoice is made
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    location /weather/ {
        limit_req zone=one;
        limit_req_status 429;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
is(main::get('/weather/')->{status}, 402, "$name - the first one");
for my $header ('X: y', 'Authorization: ' . credential()) {
    my $r = main::get('/weather/', $header);
    is($r->{status}, 429, "$name - the next one");
    like($r->{headers}{'retry-after'}[0], qr/^[1-9]\d*$/,
         "$name - Retry-After");
    is(scalar $r->{headers}{'retry-after'}->@*, 1, "$name - once");
    is($r->{headers}{'www-authenticate'}, undef, "$name - no challenge");
}
--- invoices: 1
--- backend: 0



=== TEST 2: a preflight is limited as any other
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    location /weather/ {
        limit_req zone=one;
        limit_req_status 429;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
my @headers = ('Origin: http://a', 'Access-Control-Request-Method: GET');
my @statuses = map {
    connection()->request('OPTIONS', '/weather/', \@headers)->{status}
} 1 .. 2;
is("@statuses", '204 429', $name);
--- invoices: 0
--- backend: 0



=== TEST 3: bodies over the limit are refused, and the connection goes on
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    location /weather/ {
        limit_req zone=one;
        limit_req_status 429;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /open { return 200 "open\\n"; }
END
--- script
my $c = connection();
for my $status (402, 429, 429) {
    my $r = $c->request('POST', '/weather/', [], 'x' x 300_000);
    is($r->{status}, $status, "$name - $status");
}
is($c->get('/open')->{body}, "open\n", "$name - goes on");
--- invoices: 1
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 4: limit_req with its own status
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    location /weather/ {
        limit_req zone=one;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
my @statuses = map { main::get('/weather/')->{status} } 1 .. 3;
is("@statuses", '402 503 503', $name);
--- invoices: 1
--- backend: 0



=== TEST 5: a location that is not protected, and one that names a time
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    limit_req_status 429;
    location /open {
        limit_req zone=one;
        $main::upstream
    }
    location /weather/ {
        limit_req zone=one;
        add_header Retry-After 60 always;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /answers {
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
is(main::get('/open')->{status}, 200, "$name - the first one");
my $r = main::get('/open');
is($r->{status}, 429, "$name - the next one");
is($r->{headers}{'retry-after'}, undef, "$name - left alone");
$r = main::get('/weather/');
is($r->{status}, 429, "$name - protected");
is_deeply($r->{headers}{'retry-after'}, [60], "$name - the configuration's");
# An upstream's own 429 is its own affair.
$r = main::get('/answers?status=429', 'Authorization: ' . credential());
is($r->{status}, 429, "$name - the upstream's");
is($r->{headers}{'retry-after'}, undef, "$name - left alone");
$r = main::get('/answers?status=429&header=Retry-After:7',
               'Authorization: ' . credential());
is_deeply($r->{headers}{'retry-after'}, [7], "$name - its own time");
--- invoices: 0
--- backend: 3



=== TEST 6: limit_conn refuses before an invoice is made
--- http_config
    limit_conn_zone $server_name zone=few:1m;
--- config eval
<<"END";
    location /weather/ {
        limit_conn few 1;
        limit_conn_status 429;
        l402 weather;
        l402_price 10sat;
        l402_invoice_from fault_slow500;
        $main::upstream
    }
END
--- script
my $calls = fault_calls('slow500');
my $first = connection();
$first->send("GET /weather/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
select undef, undef, undef, 0.1;
my $r = main::get('/weather/');
is($r->{status}, 429, "$name - the second one");
is($r->{headers}{'retry-after'}[0], 1, "$name - Retry-After");
is($first->read->{status}, 402, "$name - the first one");
is(fault_calls('slow500') - $calls, 1, "$name - one invoice asked for");
# A parked request that has ended gives its place back.
is(main::get('/weather/')->{status}, 402, "$name - the next one");
--- backend: 0



=== TEST 7: a client that leaves while parked gives its place back
--- http_config
    limit_conn_zone $server_name zone=few:1m;
--- config eval
<<"END";
    location /weather/ {
        limit_conn few 1;
        l402 weather;
        l402_price 10sat;
        l402_invoice_from fault_hang;
        $main::upstream
    }
    location /good/ {
        limit_conn few 1;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
my $first = connection();
$first->send("GET /weather/ HTTP/1.1\r\nHost: localhost\r\n\r\n");
select undef, undef, undef, 0.1;
is(main::get('/good/')->{status}, 503, "$name - the place is taken");
$first->close;
select undef, undef, undef, 0.1;
is(main::get('/good/')->{status}, 402, "$name - and free again");
--- invoices: 1
--- backend: 0
