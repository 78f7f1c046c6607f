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
is(main::get('/weather/')->{status}, 402, "$name - the first one");
for my $path ('/weather/', '/weather/?dear') {
    my $r = main::get($path);
    is($r->{status}, 503, "$name - the next one");
    is_deeply($r->{headers}{'retry-after'}, [1], "$name - Retry-After");
}
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



=== TEST 8: scripts of other origins see why, and for how long
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    limit_req zone=one;
    location /first { $main::upstream }
    location /on { l402 weather; l402_price 10sat; $main::upstream }
    location /status {
        limit_req_status 429;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /other {
        limit_req_status 403;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /off {
        l402 weather;
        l402_price 10sat;
        l402_cors off;
        $main::upstream
    }
    location /own {
        add_header Access-Control-Allow-Origin http://a always;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
    location /answer { l402 weather; l402_price 10sat; return 503; }
    location /open { $main::upstream }
END
--- script
my $is = sub ($path, $status, $retry, $origin, $exposed, @fields) {
    my $r = main::get($path, 'Origin: http://a', @fields);
    is($r->{status}, $status, "$name - $path");
    is(join(' ', map { $_ // '-' } map { $_ ? @$_ : undef }
        $r->{headers}->@{qw(retry-after access-control-allow-origin
                            access-control-expose-headers)}),
        join(' ', map { $_ // '-' } $retry, $origin, $exposed),
        "$name - $path - fields");
};
$is->('/first', 200, undef, undef, undef);
$is->('/on', 503, 1, '*', 'Retry-After');
$is->('/status', 429, 1, '*', 'Retry-After');
# No status that says "later".
$is->('/other', 403, undef, undef, undef);
$is->('/off', 503, 1, undef, undef);
$is->('/own', 503, 1, 'http://a', undef);
$is->('/open', 503, undef, undef, undef);
# Of somebody else.
$is->('/answer', 503, undef, undef, undef);
--- invoices: 0
--- backend: 1



=== TEST 9: what stands behind the limit is its own affair
--- http_config
    limit_req_zone $http_x_key zone=one:1m rate=1r/m;
--- config eval
<<"END";
    limit_req zone=one;
    limit_req_status 429;
    location /weather/ { l402 weather; l402_price 10sat; $main::upstream }
    location /dry/ {
        limit_req_dry_run on;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
my $paid = 'Authorization: ' . credential();
is(main::get('/weather/', 'X-Key: a')->{status}, 402, "$name - the first one");
is(main::get('/weather/', 'X-Key: a')->{status}, 429, "$name - the next one");
for (['/weather/?status=503', $paid], ['/weather/?status=429', $paid],
     ['/dry/?status=503', $paid, 'X-Key: a'])
{
    my ($path, @fields) = @$_;
    my $r = main::get($path, @fields);
    is_deeply([$r->{headers}->@{qw(retry-after access-control-allow-origin)}],
        [undef, undef], "$name - $path - of the upstream");
}
is(main::get('/dry/', 'X-Key: a')->{status}, 402, "$name - counted only");
--- invoices: 2
--- backend: 3



=== TEST 10: a time of the configuration's own, by status
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
    map $status $retry {
        429      60;
        default  "";
    }
--- config eval
<<"END";
    location /weather/ {
        limit_req zone=one;
        limit_req_status 429;
        add_header Retry-After \$retry always;
        l402 weather;
        l402_price 10sat;
        $main::upstream
    }
END
--- script
my ($first, $next) = map { main::get('/weather/') } 1 .. 2;
is($first->{status}, 402, "$name - the first one");
is($first->{headers}{'retry-after'}, undef, "$name - no time");
is($next->{status}, 429, "$name - the next one");
is_deeply($next->{headers}{'retry-after'}, [60], "$name - the time");
--- invoices: 1



=== TEST 11: error_page of a limit
--- http_config
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
--- config eval
<<"END";
    l402 weather;
    l402_price 10sat;
    limit_req zone=one;
    limit_req_status 429;
    location /page { error_page 429 /open.txt; $main::upstream }
    location /named { error_page 429 = \@open; $main::upstream }
    location /other { error_page 429 =200 /open.txt; $main::upstream }
    location /sold { error_page 429 /sold.txt; $main::upstream }
    location /sold_named { error_page 429 = \@sold; $main::upstream }
    location = /open.txt {
        l402 off; add_header Retry-After 30 always;
    }
    location = /sold.txt { }
    location \@open { l402 off; $main::upstream }
    location \@sold { $main::upstream }
END
--- user_files
>>> open.txt
later
>>> sold.txt
the secret
--- script
is(main::get('/page')->{status}, 402, "$name - the first one");
for (['/page', 429, "later\n", 30], ['/other', 200, "later\n", 30],
     ['/named', 200, "content of the backend\n", undef])
{
    my ($path, $status, $body, $retry) = @$_;
    my $r = main::get($path);
    is($r->{status}, $status, "$name - $path");
    is($r->{body}, $body, "$name - $path - the page");
    is(($r->{headers}{'retry-after'} // [])->[0], $retry,
        "$name - $path - Retry-After");
}
# A page that is itself for sale would make the invoices after all.
for my $path ('/sold', '/sold_named') {
    my $r = main::get($path);
    is(verdict($r), 'no_invoice', "$name - $path");
    is($r->{headers}{'retry-after'}[0], 1, "$name - $path - Retry-After");
    is(main::get($path, 'Authorization: ' . credential())->{status},
        $path eq '/sold' ? 429 : 200, "$name - $path, paid");
}
--- invoices: 1
--- backend: 2
