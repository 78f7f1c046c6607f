# Bodies that nobody has paid for are read away: they reach neither a disk
# nor the upstream, and the connection goes on. Those that are paid for arrive
# whole.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

# Would any byte be kept, it would be on the disk.
our $config = <<'END';
    client_body_buffer_size 1k;
    client_body_in_file_only on;
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        proxy_http_version 1.1;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /slow/ {
        l402 weather;
        l402_price 10sat;
        l402_invoice_from fault_slow500;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /open/ { return 200 "open\n"; }
END

our $body = join '', map { "line $_ of the body\n" } 1 .. 14_000;
length $body > 300_000 or die;

sub chunked ($text) {
    my $out = '';
    while (length $text) {
        my $part = substr $text, 0, 5000, '';
        $out .= sprintf("%x\r\n", length $part) . "$part\r\n";
    }
    return $out . "0\r\n\r\n";
}

sub head ($method, $path, @fields) {
    return join "\r\n", "$method $path HTTP/1.1", 'Host: localhost', @fields,
        '', '';
}

sub refused_and_usable ($name, $c, $r) {
    is($r && $r->{status}, 402, "$name - 402");
    ok(parse_challenge($r->{headers}{'www-authenticate'}[0]),
       "$name - a challenge");
    $r = $c->get('/open/');
    is($r && $r->{body}, "open\n", "$name - the next request's own answer");
    is($c->{in}, '', "$name - and nothing else came");
}

sub on_disk {
    my @files = glob "$Test::Nginx::Util::ServRoot/client_body_temp/*";
    return @files;
}

sub nothing_on_disk ($name) {
    is_deeply([on_disk()], [], "$name - nothing on the disk");
}

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: 300 kB
--- config eval: $main::config
--- script
my $c = connection();
for my $method (qw(POST PUT PATCH DELETE GET)) {
    my $r = $c->request($method, '/weather/', [], $main::body);
    main::refused_and_usable("$name - $method", $c, $r);
}
main::nothing_on_disk($name);
--- invoices: 5
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 2: 300 kB, chunked
--- script
my $c = connection();
for my $method (qw(POST PUT PATCH DELETE)) {
    $c->send(main::head($method, '/weather/', 'Transfer-Encoding: chunked')
             . main::chunked($main::body));
    main::refused_and_usable("$name - $method", $c, $c->read);
}
main::nothing_on_disk($name);
--- invoices: 4
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 3: Expect: 100-continue, and the body comes after the answer
--- script
my $c = connection();
for my $chunked (0, 1) {
    $c->send(main::head('POST', '/weather/', 'Expect: 100-continue',
        $chunked ? 'Transfer-Encoding: chunked'
                 : 'Content-Length: ' . length $main::body));
    my $r = $c->read;
    is($r->{status}, 100, "$name - $chunked - told to go on");
    $r = $c->read;
    $c->send($chunked ? main::chunked($main::body) : $main::body);
    main::refused_and_usable("$name - $chunked", $c, $r);
}
main::nothing_on_disk($name);
--- invoices: 2
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 4: Expect: 100-continue, and the body comes in parts before it
--- script
my $c = connection();
$c->send(main::head('PUT', '/slow/', 'Expect: 100-continue',
                    'Content-Length: ' . length $main::body));
is($c->read->{status}, 100, "$name - told to go on");
for (my $at = 0; $at < length $main::body; $at += 50_000) {
    $c->send(substr $main::body, $at, 50_000);
    select undef, undef, undef, 0.02;
}
main::refused_and_usable($name, $c, $c->read);
main::nothing_on_disk($name);
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 5: the body comes slowly, long after the answer
--- script
my $c = connection();
$c->send(main::head('POST', '/weather/', 'Content-Length: 20000'));
my $r = $c->read;
is($r->{status}, 402, "$name - does not wait for the body");
for (1 .. 20) {
    $c->send('x' x 1000);
    select undef, undef, undef, 0.01;
}
main::refused_and_usable($name, $c, $r);
--- invoices: 1
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 6: many, one after the other
--- script
my $c = connection();
my @statuses;
for (1 .. 10) {
    my $r = $c->request('POST', '/weather/', [], $main::body);
    push @statuses, $r->{status}, $c->get('/open/')->{status};
}
is("@statuses", join(' ', ('402 200') x 10), "$name - in order");
main::nothing_on_disk($name);
--- invoices: 10
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 7: a body that breaks off
--- script
for my $path ('/weather/', '/slow/') {
    my $c = connection();
    $c->send(main::head('POST', $path, 'Content-Length: 5000') . 'x' x 100);
    is($c->read->{status}, 402, "$name - $path") if $path eq '/weather/';
    $c->close;
}
select undef, undef, undef, 0.8;
is(connection()->get('/open/')->{status}, 200, "$name - nginx goes on");
--- invoices: 1
--- backend: 0



=== TEST 8: a chunked body that is none
--- script
my $c = connection();
$c->send(main::head('POST', '/weather/', 'Transfer-Encoding: chunked')
         . "no number\r\n");
my $r = $c->read;
ok($r->{status} == 400 || $r->{status} == 402, "$name - refused");
is(connection()->get('/open/')->{status}, 200, "$name - nginx goes on");
--- backend: 0



=== TEST 9: one that is too large costs no invoice
--- config
    location /weather/ {
        client_max_body_size 100k;
        l402 weather;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $r = connection()->request('POST', '/weather/', [], $main::body);
is($r->{status}, 413, "$name - nginx's own answer");
--- invoices: 0
--- backend: 0



=== TEST 10: paid, it arrives whole
--- config eval: $main::config
--- script
my $c = connection();
my $paid = 'Authorization: ' . credential();
my $r = $c->request('POST', '/weather/', [$paid], $main::body);
is($r->{status}, 200, "$name - by its length");

$c->send(main::head('POST', '/weather/', $paid, 'Transfer-Encoding: chunked')
         . main::chunked($main::body));
is($c->read->{status}, 200, "$name - chunked");

$c->send(main::head('POST', '/weather/', $paid, 'Expect: 100-continue',
                    'Content-Length: ' . length $main::body));
is($c->read->{status}, 100, "$name - told to go on");
$c->send($main::body);
is($c->read->{status}, 200, "$name - after 100");

my @seen = backend_requests();
ok($seen[$_] =~ /\r\n\r\n\Q$main::body\E\z/, "$name - request $_")
    for 0 .. 2;
is(scalar(main::on_disk()), 3, "$name - kept, as the configuration asks");
--- invoices: 0
--- backend: 3



=== TEST 11: paid, without buffering of requests
--- config
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $c = connection();
my $r = $c->request('POST', '/weather/', [], $main::body);
is($r->{status}, 402, "$name - unpaid");
$r = $c->request('POST', '/weather/', ['Authorization: ' . credential()],
                 $main::body);
is($r->{status}, 200, "$name - paid");
ok((backend_requests())[0] =~ /\r\n\r\n\Q$main::body\E\z/, "$name - whole");
--- invoices: 1
--- backend: 1



=== TEST 12: a server that may not linger closes, but answers first
--- config
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        keepalive_timeout 0;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $c = connection();
my $r = $c->request('POST', '/weather/', [], $main::body);
is($r->{status}, 402, "$name - answered");
ok(parse_challenge($r->{headers}{'www-authenticate'}[0]), "$name - whole");
ok($c->is_closed, "$name - closed");
--- invoices: 1
--- backend: 0



=== TEST 13: what is refused without a challenge is read away as well
--- config
    client_body_buffer_size 1k;
    l402_price 10sat;
    location /malformed/ { l402 weather; }
    location /down/ { l402 weather; l402_invoice_from fault_s500; }
    location /price/ { l402 weather; l402_price $arg_price; }
    location /return/ { l402 weather; return 200 "made too early"; }
    location /open/ { return 200 "open\n"; }
--- script
my $c = connection();
for (['/malformed/', 401, 'Authorization: L402 x:y'], ['/down/', 503],
     ['/price/', 500], ['/return/', 500]) {
    my ($path, $status, @headers) = @$_;
    my $r = $c->request('POST', $path, \@headers, $main::body);
    is($r && $r->{status}, $status, "$name - $path");
    $r = $c->get('/open/');
    is($r && $r->{body}, "open\n", "$name - $path - goes on");
}
--- invoices: 0
--- no_error_log
buffered to a temporary file
