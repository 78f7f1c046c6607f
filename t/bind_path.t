# l402_bind path: the path that the client asked for, escaped so that no path
# can add anything to a caveat.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $sold = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_valid_for off;
    l402_bind path;
END

# The caveats to the letter, in their bytes.
sub is_minted ($name, $r, $item) {
    my $field = offer($r)->{field};
    return is(verdict($r), 'a challenge', $name) unless $field;
    is_deeply(read_token($field->{macaroon})->{caveats},
        ['services=weather:0', "request_path=$item"], $name);
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: escaped, whatever the path; it opens that path and no other
--- http_config eval: fault('ok')
--- config eval: $main::sold . "location / { $main::upstream }"
--- script
my $c = connection();
# What is asked for, what is minted, and what that must not open.
for (['/', '/', '/a', '//a'],
     ['/a', '/a', '/', '/A', '/a/', '/aa', '/a*'],
     ['/a?b=c', '/a', '/b', '/a%3Fb=c'],
     ['/~-._/Az09', '/~-._/Az09', '/~-._'],
     ['/cheap:0,svc/dear', '/cheap%3A0%2Csvc/dear', '/svc/dear', '/dear',
         '/cheap', '/cheap:0'],
     ['/a,b', '/a%2Cb', '/a', '/b', 'b'], ['/a%2Cb', '/a%2Cb', '/a'],
     ['/a%2cb', '/a%2Cb', '/b'], ['/a%252Cb', '/a%252Cb', '/a%2Cb'],
     ['/a*b', '/a%2Ab', '/axb'], ['/a*', '/a%2A', '/ab', '/a'],
     ['/*', '/%2A', '/', '/b'], ['/%2A', '/%2A', '/b'],
     ['/a%0Ab', '/a%0Ab', '/a', '/b'],
     ['/a%0Aservices=dear:9', '/a%0Aservices%3Ddear%3A9', '/a'],
     ['/a%0D%0Ab', '/a%0D%0Ab', '/a'], ['/a=b', '/a%3Db', '/a'],
     ['/a%20b', '/a%20b', '/a'], ['/a+b', '/a%2Bb', '/a%20b'],
     ['/a%25b', '/a%25b', '/a%2525b'], ['/a%3Fb', '/a%3Fb', '/a?b'],
     ['/a"b', '/a%22b', '/a'], ["/a'b", '/a%27b', '/a'],
     ['/a\\b', '/a%5Cb', '/a/b'], ['/a%7F%01', '/a%7F%01', '/a'],
     ["/\xc3\xa4", '/%C3%A4', '/%C3', '/a'], ['/%c3%a4', '/%C3%A4', '/%C3'],
     ['/%ff', '/%FF', '/'], ['/%61', '/a', '/'],
     ['/x//y', '/x/y', '/x'], ['/x/../y', '/y', '/x/y'],
     ['/x/./%2e%2e/z', '/z', '/x/z'], ['/x%2Fy', '/x/y', '/x'],
     ['/' . 'p' x 1500, '/' . 'p' x 1500, '/' . 'p' x 1499],
     ['/' . ',' x 500, '/' . '%2C' x 500, '/' . ',' x 499])
{
    my ($path, $item, @others) = @$_;
    my $what = substr($path, 0, 30) =~ s/[^ -~]/?/gr;
    my $r = $c->get($path);
    main::is_minted("$name - $what - minted", $r, $item);
    my $field = made_good($r);
    is(verdict($c->get($path, $field)), 'ok', "$name - $what - opens");
    is(verdict($c->get("$path?x", $field)), 'ok', "$name - $what - with ?x")
        unless $path =~ /\?/;
    for my $other (grep { m{^/} } @others) {
        is(verdict($c->get($other, $field)), 'caveat_refused',
            "$name - $what - not " . substr $other, 0, 30);
    }
}


=== TEST 2: what nginx refuses itself, before anything is sold
--- http_config eval: fault('ok')
--- config eval: $main::sold . "location / { $main::upstream }"
--- script
my $calls = fault_calls('ok');
for my $path ('/%00', '/a%00b', "/a\0b", '/%', '/%zz', '/%2', '/../a') {
    is(connection()->get($path)->{status}, 400,
        "$name - " . $path =~ s/\0/?/r);
}
is(fault_calls('ok') - $calls, 0, "$name - no invoice");


=== TEST 3: a path that is too long for a token is not sold
--- http_config eval: fault('ok')
--- config eval: $main::sold . "location / { $main::upstream }"
--- script
# What nginx would not take back in a header line nobody shall pay for. A
# macaroon has 4096 bytes when it is sold; escaped, a path is up to three times
# as long.
my $size = sub ($item) {
    length mint(caveats => ['services=weather:0', "request_path=$item"])
        ->{macaroon};
};
my $most = 4096 - $size->('/' . 'p' x 200) + 200;
is($size->('/' . 'p' x $most), 4096, "$name - the most");
for (['p' x $most, 1], ['p' x ($most + 1), 0],
     [',' x int($most / 3), 1], [',' x (int($most / 3) + 1), 0],
     ['p' x 8000, 0], [',' x 8000, 0], ['%2C' x 2600, 0])
{
    my ($tail, $sold) = @$_;
    my $path = "/$tail";
    my $what = substr($path, 0, 3) . ' ' . length $path;
    my $c = connection();
    my $calls = fault_calls('ok');
    my $r = $c->get($path);
    is(verdict($r), $sold ? 'absent' : 'too_long', "$name - $what");
    is(fault_calls('ok') - $calls, $sold, "$name - $what - invoices");
    is($sold ? verdict($c->get($path, made_good($r))) : 'ok', 'ok',
        "$name - $what - what is sold opens");
    # Who has another token is let in, however long the path is.
    $path = substr $path, 0, 6001;
    is(verdict($c->get($path, 'Authorization: ' . credential())), 'ok',
        "$name - $what - a token that is not bound");
}


=== TEST 4: a holder's own list and wildcards
--- http_config eval: fault('ok')
--- config eval: $main::sold . "location / { $main::upstream }"
--- script
my $c = connection();
for (['/*', '/ /a /a/b', ''], ['/a*', '/a /ab /a/b', '/ /b/a'],
     ['/a/*', '/a/ /a/b /a/b/c', '/a /ab /'],
     ['/a,/b/*', '/a /b/c', '/b /ab /a/b'],
     ['/a%2Cb', '/a,b /a%2Cb', '/a /b'], ['/%2A', '/*', '/a /'],
     ['/a%2A*', '/a* /a*b', '/ab'], ['/a%0A*', '/a%0Ab', '/a'])
{
    my ($list, $in, $out) = @$_;
    my $field = 'Authorization: ' . credential(
        append => ["request_path=$list"]);
    for my $case (map([$_, 'ok'], split / /, $in),
                  map([$_, 'caveat_refused'], split / /, $out)) {
        my ($path, $word) = @$case;
        is(verdict($c->get($path, $field)), $word, "$name - $list - $path");
    }
}


=== TEST 5: from one gate to another it stays the client's path
--- http_config eval: fault('ok')
--- config eval
<<"END";
    $main::sold
    recursive_error_pages on;
    location / { $main::upstream }
    location /try { try_files /none /landed; }
    location /named { try_files /none \@named; }
    location /error { error_page 404 = /landed; }
    location /error_named { error_page 404 = \@named; }
    location /index/ { index /landed; }
    location /inner { error_page 404 = /internal; }
    location /landed { $main::upstream }
    location /internal { internal; $main::upstream }
    location \@named { $main::upstream }
    location /news { l402 news; $main::upstream }
END
--- user_files
>>> index/x
content
--- script
my $c = connection();
my $accel = '/accel?header=X-Accel-Redirect:';
for my $path (qw(/try /try/x /named /error/y /error_named /inner),
              "${accel}/landed", "${accel}/internal") {
    my $item = $path =~ s/\?.*//r;
    my $r = $c->get($path);
    main::is_minted("$name - $path - minted", $r, $item)
        unless $path =~ /accel/;
    my $field = 'Authorization: '
        . credential(append => ["request_path=$item"]);
    is(verdict($c->get($path, $field)), 'ok', "$name - $path - opens");
    is(verdict($c->get('/landed', $field)), 'caveat_refused',
        "$name - $path - and nothing else");
}
# Of another service, so that it is decided about anew.
my $field = 'Authorization: ' . credential(
    caveats => ['services=weather:0,news:0', 'request_path=/accel']);
is(verdict($c->get("${accel}/news", $field)), 'ok', "$name - another service");
my $r = $c->get("${accel}/news", 'Authorization: '
    . credential(caveats => ['services=weather:0', 'request_path=/accel']));
is(verdict($r), 'wrong_service', "$name - not paid for there");
is(minted($r), 'services=news:0 | request_path=/accel',
    "$name - asked for the client's path");


=== TEST 6: so it does where nginx has led elsewhere before the gate
--- http_config eval: fault('ok')
--- config eval
<<"END";
    $main::sold
    rewrite ^/short/(.*) /long/\$1;
    location /long { $main::upstream }
    location /api/ { rewrite ^/api/(.*) /v1/\$1 break; $main::upstream }
    location /front/ { rewrite ^ /index.php last; }
    location = /index.php { $main::upstream }
    location /open_try { l402 off; try_files /none /index.php; }
    location /open_error { l402 off; error_page 404 = /index.php; }
    location /accel { l402 off; $main::upstream }
END
--- script
# Else a token for one article opens all that a front controller serves, and
# what a holder appends about the client's paths is held against others.
my $c = connection();
for my $path (qw(/short/x /api/x /front/x /open_try/x /open_error/x)) {
    my $r = $c->get($path);
    main::is_minted("$name - $path - minted", $r, $path);
    # As escaped as elsewhere, and without its arguments.
    main::is_minted("$name - $path - escaped",
        $c->get("$path/../a%2Cb//%c3%a4*?c=%2C"),
        $path =~ s/x$/a%2Cb\/%C3%A4%2A/r);
    my $field = made_good($r);
    is(verdict($c->get($path, $field)), 'ok', "$name - $path - opens");
    is(verdict($c->get($path =~ s/x$/y/r, $field)), 'caveat_refused',
        "$name - $path - no other");
    my $holder = 'Authorization: '
        . credential(append => ["request_path=$path"]);
    is(verdict($c->get($path, $holder)), 'ok', "$name - $path - appended");
}
my $r = $c->get('/accel?header=X-Accel-Redirect:/index.php');
main::is_minted("$name - X-Accel-Redirect - minted", $r, '/accel');


=== TEST 7: the method stays the client's, too
--- http_config eval: fault('ok')
--- config eval
$main::sold =~ s/bind path/bind method path/r . <<"END";
    location /open { l402 off; error_page 405 = /landed; return 405; }
    location /gated { error_page 404 = /landed; }
    location /landed { $main::upstream }
END
--- script
# error_page makes a GET of a POST.
my $c = connection();
for my $path (qw(/open /gated)) {
    my $r = $c->request('POST', $path, [], 'body');
    is(minted($r), "services=weather:0 | request_path=$path | "
        . 'request_method=POST', "$name - $path - minted");
    my $field = made_good($r);
    is(verdict($c->request('POST', $path, [$field], 'body')), 'ok',
        "$name - $path - opens");
    is(verdict($c->get($path, $field)), 'caveat_refused',
        "$name - $path - not GET");
}
