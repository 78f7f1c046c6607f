# nginx has many ways to another place. None of them leads past the gate, and
# who has paid is not asked again on the way.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $files = <<'END';
>>> secret.txt
the secret
>>> index/index.html
the secret
>>> static/a.txt
the secret
>>> internal/a.txt
the secret
END

# Unpaid: 402, a challenge, one invoice, and nothing of what lies behind.
sub refused ($name, $path, $method = 'GET', @headers) {
    my $invoices = invoices_made();
    my $c = connection();
    my $r = $c->request($method, $path, \@headers);
    is($r && $r->{status}, 402, "$name - $method $path - 402");
    ok(parse_challenge($r->{headers}{'www-authenticate'}[0]),
       "$name - $method $path - a challenge");
    unlike($r->{head} . $r->{body}, qr/secret|content of the backend/,
           "$name - $method $path - nothing else");
    is(invoices_made() - $invoices, 1, "$name - $method $path - one invoice");
    is($c->get('/open')->{body}, "open\n", "$name - $method $path - usable");
    return $r;
}

sub paid ($name, $path, $body = "the secret\n", %with) {
    my $invoices = invoices_made();
    my $r = connection()->get($path, 'Authorization: ' . credential(%with));
    is($r->{status}, 200, "$name - $path - 200");
    is($r->{body}, $body, "$name - $path - its content");
    is(invoices_made() - $invoices, 0, "$name - $path - not asked again");
}

our $locations = <<'END';
    location = /open { return 200 "open\n"; }
    location = /secret.txt { }
    location @named {
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location @named_secret { rewrite ^ /secret.txt break; }
    l402_price 10sat;

    location /static/ { l402 weather; }
    location /try/ { l402 weather; try_files /secret.txt =404; }
    location /try_uri/ { l402 weather; try_files /none /secret.txt; }
    location /try_named/ { l402 weather; try_files /none @named; }
    location /index/ { l402 weather; }
    location /index_elsewhere/ { l402 weather; index /secret.txt; }
    location /list/ { l402 weather; alias html/; autoindex on; }
    location /missing/ { l402 weather; error_page 404 = /secret.txt; }
    location /missing_named/ {
        l402 weather;
        error_page 404 = @named_secret;
    }
    location /rewritten/ {
        l402 weather;
        rewrite ^/rewritten/(.*) /static/$1 last;
    }
    location /broken/ {
        l402 weather;
        rewrite ^ /secret.txt break;
    }
    location /accel/ {
        l402 weather;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /internal/ { internal; l402 weather; }
END

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: unpaid, nothing is reached
--- config eval: $main::locations
--- user_files eval: $main::files
--- script
main::refused($name, $_) for qw(
    /static/a.txt /try/ /try_uri/ /try_named/ /index/ /index_elsewhere/
    /list/ /missing/ /missing_named/ /rewritten/a.txt /broken/
    /accel/?header=X-Accel-Redirect:/internal/a.txt);
main::refused($name, '/static/a.txt', $_) for qw(HEAD POST DELETE);
main::refused($name, '/static/a.txt', GET => 'Range: bytes=0-3');
main::refused($name, '/static/a.txt', GET =>
    'If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT');
main::refused($name, '/static/a.txt', GET => 'If-None-Match: *');
--- backend: 0



=== TEST 2: paid, each is asked for once
--- config eval: $main::locations
--- user_files eval: $main::files
--- script
main::paid($name, $_) for qw(
    /static/a.txt /try/ /try_uri/ /index/ /index_elsewhere/ /missing/
    /missing_named/ /rewritten/a.txt /broken/
    /accel/?header=X-Accel-Redirect:/internal/a.txt);
main::paid($name, '/try_named/', "content of the backend\n");
--- backend: 2
--- backend_unlike
^Authorization



=== TEST 3: error_page 402 does not turn the challenge into something else
--- config
    location = /open { return 200 "open\n"; }
    location = /secret.txt { }
    location /static/ { l402 weather; }
    location @named {
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    l402_price 10sat;
    recursive_error_pages on;

    location /a/ { l402 weather; error_page 402 /secret.txt; }
    location /b/ { l402 weather; error_page 402 =200 /secret.txt; }
    location /c/ { l402 weather; error_page 402 = /static/a.txt; }
    location /d/ { l402 weather; error_page 402 /static/a.txt; }
    location /e/ { l402 weather; error_page 402 = @named; }
    location /f/ { l402 weather; error_page 402 =200 https://localhost/; }
    location /g/ { l402 weather; error_page 402 /g/again; }
--- user_files eval: $main::files
--- script
main::refused($name, "/$_/") for 'a' .. 'g';
main::refused($name, '/a/', 'POST');
main::refused($name, '/d/', 'HEAD');
--- backend: 0



=== TEST 4: nor does that of an unprotected page
--- config
    location = /open { return 200 "open\n"; }
    location /static/ { l402 weather; l402_price 10sat; }
    location /a/ { error_page 404 /static/a.txt; }
    location /b/ { error_page 404 =200 /static/a.txt; }
    location /c/ { error_page 404 = /static/a.txt; }
    location /d/ { error_page 405 =201 /static/a.txt; return 405; }
    location /e/ { error_page 403 = @gated; deny all; }
    location @gated {
        l402 weather;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- user_files eval: $main::files
--- script
main::refused($name, "/$_/") for 'a' .. 'e';
my $r = connection()->get('/b/', 'Authorization: ' . credential());
is($r->{body}, "the secret\n", "$name - paid");
is($r->{status}, 200, "$name - paid");
main::paid($name, '/e/', "content of the backend\n");
--- backend: 1



=== TEST 5: a mirror
--- config
    location = /open { return 200 "open\n"; }
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        mirror /mirrored;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location = /mirrored {
        internal;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
main::refused($name, '/weather/', $_) for qw(GET HEAD POST);
is(scalar(backend_requests()), 0, "$name - not mirrored");
main::paid($name, '/weather/', "content of the backend\n");
select undef, undef, undef, 0.1;
unlike(join('', backend_requests()), qr/Authorization/i,
       "$name - both without the credential");
--- backend: 2



=== TEST 6: a post_action that costs
--- config
    location = /open { return 200 "open\n"; }
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        post_action /after;
        return 404;
    }
    location /gated/ {
        l402 weather;
        l402_price 10sat;
        post_action /after;
    }
    location = /after {
        l402 weather;
        l402_price 10sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
--- script
main::refused($name, '/gated/');
my $invoices = invoices_made();
is(connection()->get('/weather/')->{status}, 404, "$name - 404");
select undef, undef, undef, 0.1;
is(invoices_made() - $invoices, 0, "$name - nobody is asked to pay");
--- backend: 0



=== TEST 7: a rewrite of the server goes before the gate
--- config
    rewrite ^/short$ /static/a.txt;
    rewrite ^/away$ /static/a.txt last;
    location = /open { return 200 "open\n"; }
    location /static/ { l402 weather; l402_price 10sat; }
    location /if/ {
        l402 weather;
        l402_price 10sat;
        if ($arg_a) { rewrite ^ /static/a.txt break; }
    }
    location /outer/ {
        l402 weather;
        l402_price 10sat;
        location /outer/inner/ { try_files /secret.txt =404; }
    }
--- user_files eval: $main::files
--- script
for my $path ('/short', '/away', '/if/?a=1', '/outer/inner/') {
    main::refused($name, $path);
    main::paid($name, $path);
}
--- backend: 0



=== TEST 8: slashes, dots and escapes lead nowhere else
--- config
    location = /open { return 200 "open\n"; }
    location /static/ { l402 weather; l402_price 10sat; }
--- user_files eval: $main::files
--- script
main::refused($name, $_) for qw(
    //static//a.txt /open/../static/a.txt /./static/./a.txt
    /%73tatic/a.txt /static/%61.txt /static/x/../a.txt?a=/open
    http://localhost/static/a.txt);
--- backend: 0



=== TEST 9: an internal location is not there for clients, and costs nothing
--- config eval: $main::locations
--- user_files eval: $main::files
--- script
for my $headers ([], ['Authorization: ' . credential()]) {
    is(connection()->get('/internal/a.txt', @$headers)->{status}, 404, $name);
}
--- invoices: 0



=== TEST 10: no error_page turns our other refusals into content either
--- config
    l402_price 10sat;
    error_page 401 402 500 503 =200 /secret.txt;
    location = /secret.txt { }
    location /malformed/ { l402 weather; }
    location /forged/ { l402 weather; l402_invalid_status 401; }
    location /down/ { l402 weather; l402_invoice_from fault_s500; }
    location /price/ { l402 weather; l402_price $arg_price; }
    location /return/ { l402 weather; return 200 "the secret\n"; }
--- user_files eval: $main::files
--- script
my $forged = 'Authorization: ' . credential(key => '00' x 32);
for (['/malformed/', 401, 'Authorization: L402 x:y'],
     ['/forged/', 401, $forged], ['/down/', 503], ['/price/', 500],
     ['/price/?price=1', 500], ['/return/', 500]) {
    my ($path, $status, @headers) = @$_;
    my $r = connection()->get($path, @headers);
    is($r->{status}, $status, "$name - $path");
    unlike($r->{body}, qr/secret/, "$name - $path");
}
--- invoices: 0
