# The last gate: no content of a protected location leaves for a request that
# has not been through its access phase, whatever made it.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

# 500, whole, once, and the connection goes on.
sub blocked ($name, $path, $method = 'GET', @headers) {
    my $c = connection();
    my $r = $c->request($method, $path, \@headers);
    is($r && $r->{status}, 500, "$name - $method $path - 500");
    unlike($r->{head} . $r->{body}, qr/secret/, "$name - $path - no content");
    is($r->{headers}{location}, undef, "$name - $path - no Location");
    $r = $c->get('/open');
    is($r && $r->{body}, "open\n", "$name - $path - the next one's answer");
    is($c->{in}, '', "$name - $path - and nothing else came");
}

sub status_of ($path, @headers) {
    return connection()->get($path, @headers)->{status};
}

our @paid = ('Authorization: ' . credential());

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: return in a protected location
--- config
    location = /open { return 200 "open\n"; }
    l402_price 10sat;
    location /r200 { l402 weather; return 200 "secret\n"; }
    location /r200_empty { l402 weather; return 200; }
    location /r200_large {
        l402 weather;
        set $ten "secret-secret-secret-secret-secret-secret-";
        set $many "$ten$ten$ten$ten$ten$ten$ten$ten$ten$ten";
        return 200 "$many$many$many$many$many$many$many$many$many$many";
    }
    location /r201 { l402 weather; return 201 "secret\n"; }
    location /r204 { l402 weather; return 204; }
    location /r301 { l402 weather; return 301 /secret; }
    location /r302 { l402 weather; return 302 http://localhost/secret; }
    location /r303 { l402 weather; return 303 /secret; }
    location /r307 { l402 weather; return 307 /secret; }
    location /r308 { l402 weather; return 308 /secret; }
    location /url { l402 weather; return https://localhost/secret; }
    location /redirect { l402 weather; rewrite ^ /secret redirect; }
    location /permanent { l402 weather; rewrite ^ /secret permanent; }
    location /if { l402 weather; if ($arg_a) { return 200 "secret\n"; } }
    location /outer {
        l402 weather;
        location /outer/inner { return 200 "secret\n"; }
    }
--- script
for my $path (qw(/r200 /r200_empty /r200_large /r201 /r204 /r301 /r302 /r303
                 /r307 /r308 /url /redirect /permanent /if?a=1
                 /outer/inner)) {
    main::blocked($name, $path);
    main::blocked($name, $path, 'HEAD');
}
main::blocked($name, '/r200', 'POST', 'Content-Length: 0');
main::blocked($name, '/r200', 'GET', 'Range: bytes=0-1');
main::blocked($name, '/r200', 'GET',
              'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT');
# Not even for those who have paid: the access phase has not seen them.
main::blocked($name, '/r200', 'GET', @main::paid);
--- invoices: 0
--- error_log
was made before the access phase



=== TEST 2: refusals of the configuration's own leave as they are
--- config
    l402_price 10sat;
    location /r400 { l402 weather; return 400; }
    location /r402 { l402 weather; return 402; }
    location /r403 { l402 weather; return 403 "no\n"; }
    location /r404 { l402 weather; return 404; }
    location /r410 { l402 weather; return 410 "gone\n"; }
    location /r503 { l402 weather; return 503; }
    location /r444 { l402 weather; return 444; }
--- script
is(main::status_of("/r$_"), $_, "$name - $_") for 400, 402, 403, 404, 410, 503;
is(connection()->get('/r410')->{body}, "gone\n", "$name - with their body");
my $c = connection();
is($c->get('/r444'), undef, "$name - 444");
ok($c->is_closed, "$name - 444 closes");
--- invoices: 0
--- no_error_log
made before the access phase



=== TEST 3: return of a protected server
--- config
--- http_config
    server {
        listen $TEST_NGINX_STREAM_PORT;
        server_name protected;
        l402 weather;
        l402_price 10sat;
        if ($arg_a) { return 200 "secret\n"; }
        if ($arg_b) { return 302 /secret; }
        if ($arg_c) { return 404; }
        location = /open { l402 off; return 200 "open\n"; }
        location / { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    }
--- script
my $port = $ENV{TEST_NGINX_STREAM_PORT};
for (['a', 500], ['b', 500], ['c', 404], ['d', 402]) {
    my ($argument, $status) = @$_;
    my $c = connection($port);
    my $r = $c->get("/?$argument=1");
    is($r->{status}, $status, "$name - $argument");
    unlike($r->{head} . $r->{body}, qr/secret/, "$name - $argument");
    is($c->get('/open')->{body}, "open\n", "$name - $argument - goes on");
}
--- invoices: 1
--- backend: 0



=== TEST 4: nginx's own redirect to the slash is free
--- config
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $c = connection();
my $r = $c->get('/weather?a=b');
is($r->{status}, 301, "$name - 301");
like($r->{headers}{location}[0], qr{/weather/\?a=b$}, "$name - Location");
is($c->get('/weather/?a=b')->{status}, 402, "$name - and there is the gate");
--- invoices: 1
--- backend: 0



=== TEST 5: that of a folder among files is not
--- config
    location /top { l402 weather; l402_price 10sat; }
--- user_files
>>> top/folder/a.txt
secret
--- script
is(main::status_of('/top/folder'), 402, "$name - unpaid");
is(main::status_of('/top/folder', @main::paid), 301, "$name - paid");
--- invoices: 1



=== TEST 6: every kind of content stands behind the gate
--- config
    l402_price 10sat;
    location /gif { l402 weather; empty_gif; }
    location /status { l402 weather; stub_status; }
    location /static/ { l402 weather; }
    location /list/ { l402 weather; alias html/static/; autoindex on; }
    location /random/ { l402 weather; alias html/static/; random_index on; }
    location /dav/ {
        l402 weather;
        dav_methods PUT DELETE MKCOL COPY MOVE;
        create_full_put_path on;
    }
    location /proxy { l402 weather;
                      proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    location /flv { l402 weather; flv; alias html/static/a.txt; }
--- user_files
>>> static/a.txt
secret
--- script
my $dav = "$Test::Nginx::Util::HtmlDir/dav/a.txt";
my @paths = qw(/gif /status /static/a.txt /list/ /random/ /proxy /flv);
my @statuses = map { main::status_of($_) } @paths;
is("@statuses", join(' ', (402) x @paths), "$name - unpaid");
my $put = sub (@headers) {
    connection()->request('PUT', '/dav/a.txt', \@headers, 'x' x 40_000)
        ->{status}
};
is($put->(), 402, "$name - PUT - unpaid");
ok(!-e $dav, "$name - PUT - unpaid - nothing is written");

@statuses = map { main::status_of($_, @main::paid) } @paths;
is("@statuses", join(' ', (200) x @paths), "$name - paid");
is($put->(@main::paid), 201, "$name - PUT - paid");
is(-s $dav, 40_000, "$name - PUT - paid - written");
--- invoices: 8
--- backend: 1



=== TEST 7: what is paid for may answer with any status
--- config
    l402_price 10sat;
    location /weather/ {
        l402 weather;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /static/ { l402 weather; }
--- user_files
>>> static/a.txt
secret
--- script
for my $status (200, 201, 204, 206, 301, 302, 304, 404, 500) {
    is(main::status_of("/weather/?status=$status", @main::paid), $status,
       "$name - $status");
}
is(main::status_of('/static/a.txt', @main::paid, 'Range: bytes=0-2'), 206,
   "$name - a range");
is(main::status_of('/static/a.txt', @main::paid, 'If-None-Match: *'), 304,
   "$name - not modified");
is(main::status_of('/static/none', @main::paid), 404, "$name - missing");
--- invoices: 0
--- backend: 9
--- no_error_log
made before the access phase



=== TEST 8: limit_except neither opens nor is opened
--- config
    l402_price 10sat;
    location /some/ {
        limit_except GET { l402 weather; }
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /all/ {
        l402 weather;
        limit_except GET { allow all; }
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
my $ask = sub ($method, $path, @headers) {
    connection()->request($method, $path, \@headers)->{status}
};
is($ask->('GET', '/some/'), 200, "$name - not protected");
is($ask->('POST', '/some/'), 402, "$name - protected");
is($ask->('POST', '/some/', @main::paid), 200, "$name - paid");
is($ask->('GET', '/all/'), 402, "$name - inherited");
is($ask->('POST', '/all/'), 402, "$name - inherited");
is($ask->('DELETE', '/all/', @main::paid), 200, "$name - paid");
--- invoices: 3
--- backend: 3



=== TEST 9: a broken request is nginx's affair, and costs nothing
--- config
    l402 weather;
    l402_price 10sat;
--- script
for ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: L402 a:b\r\n"
     . "Authorization: L402 a:b\r\n\r\n",
     "GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
     "GARBAGE\r\n\r\n") {
    my $c = connection();
    $c->send($_);
    is($c->read->{status}, 400, "$name - " . s/\s+/ /gr);
}
--- invoices: 0



=== TEST 10: HTTP/0.9 has no status, and gets no content
--- config
    l402_price 10sat;
    location /static/ { l402 weather; }
    location /return/ { l402 weather; return 200 "secret\n"; }
--- user_files
>>> static/a.txt
secret
--- script
for my $path (qw(/static/a.txt /return/)) {
    my $c = connection();
    $c->send("GET $path\r\n");
    ok($c->is_closed || length $c->{in}, "$name - $path - answered");
    unlike($c->{in}, qr/secret/, "$name - $path - no content");
    like($c->{in}, qr/"status":(?:402|500)/, "$name - $path - a refusal");
}
--- invoices: 1
