# A CORS preflight is answered here and costs nothing; any other OPTIONS is
# like any other method.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our @preflight = ('Origin: https://app.example',
                  'Access-Control-Request-Method: GET');

our $config = <<"END";
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        $upstream
    }
    location /off/ {
        l402 weather;
        l402_price 10sat;
        l402_cors off;
        $upstream
    }
    location /made/ {
        l402 weather;
        l402_price 10sat;
        l402_cors off;
        return 204;
    }
    location /open { return 200 "open\\n"; }
END

sub options ($path, @headers) {
    return connection()->request('OPTIONS', $path, \@headers);
}

# A field that is a list, as a set of lower-case words.
sub words ($r, $name) {
    return { map { lc, 1 } split /, */,
                 join ',', ($r->{headers}{lc $name} // [])->@* };
}

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a preflight
--- config eval: $main::config
--- script
my $c = connection();
my $r = $c->request('OPTIONS', '/weather/', \@main::preflight);
is($r->{status}, 204, "$name - 204");
is_deeply($r->{headers}{'access-control-allow-origin'}, ['*'],
          "$name - origin");
ok(main::words($r, 'Access-Control-Allow-Methods')->{$_}, "$name - $_")
    for qw(get head post put patch delete);
ok(main::words($r, 'Access-Control-Allow-Headers')->{authorization},
   "$name - Authorization");
like($r->{headers}{'access-control-max-age'}[0], qr/^[1-9]\d*$/,
     "$name - for some time");
is($r->{headers}{'www-authenticate'}, undef, "$name - no challenge");
is($c->get('/open')->{body}, "open\n", "$name - the next one's answer");
--- invoices: 0
--- backend: 0



=== TEST 2: it allows what is asked for
--- config eval: $main::config
--- script
my $r = main::options('/weather/', 'Origin: https://app.example',
    'Access-Control-Request-Method: PURGE',
    'Access-Control-Request-Headers: X-One, content-type');
ok(main::words($r, 'Access-Control-Allow-Methods')->{purge}, "$name - method");
ok(main::words($r, 'Access-Control-Allow-Headers')->{$_}, "$name - $_")
    for qw(x-one content-type authorization);

$r = main::options('/weather/', @main::preflight,
    'Access-Control-Request-Headers: x-one,AUTHORIZATION');
is(join(',', $r->{headers}{'access-control-allow-headers'}->@*)
       =~ s/authorization//gri =~ tr/a-z//cdr, 'xone',
   "$name - Authorization once is enough");
--- invoices: 0
--- backend: 0



=== TEST 3: any other OPTIONS pays
--- config eval: $main::config
--- script
for my $headers ([], ['Origin: https://app.example'],
                 ['Access-Control-Request-Method: GET']) {
    my $r = main::options('/weather/', @$headers);
    is($r->{status}, 402, "$name - 402");
    ok(parse_challenge($r->{headers}{'www-authenticate'}[0]),
       "$name - a challenge");
}
is(main::options('/weather/', 'Origin: https://app.example',
                 'Authorization: ' . credential())->{status}, 200,
   "$name - paid");
# The header fields of a preflight mean nothing to other methods.
for my $method (qw(GET HEAD POST DELETE)) {
    is(connection()->request($method, '/weather/', \@main::preflight)
           ->{status}, 402, "$name - $method");
}
--- invoices: 7
--- backend: 1



=== TEST 4: l402_cors off leaves preflights to others
--- config eval: $main::config
--- script
my $r = main::options('/off/', @main::preflight);
is($r->{status}, 200, "$name - the upstream's");
is($r->{headers}{"access-control-$_"}, undef, "$name - no $_")
    for qw(allow-origin expose-headers allow-methods max-age);
$r = main::options('/off/', @main::preflight,
                   'Authorization: ' . credential());
is($r->{status}, 200, "$name - paid, it is the upstream's as well");
unlike((backend_requests())[-1], qr/^Authorization:/m, "$name - without it");
# No other request gets by in its clothes.
$r = main::options('/off/', $main::preflight[0]);
is($r->{status}, 402, "$name - an OPTIONS that is no preflight");
$r = connection()->request('POST', '/off/', \@main::preflight);
is($r->{status}, 402, "$name - another method");
# The configuration's, before the access phase.
$r = main::options('/made/', @main::preflight);
is($r->{status}, 204, "$name - made by return");
$r = connection()->get('/made/', @main::preflight);
is($r->{status}, 500, "$name - which lets nothing else out");
--- invoices: 2
--- backend: 2



=== TEST 5: scripts can read a challenge
--- config eval: $main::config
--- script
my @origin = ('Origin: https://app.example');
my $r = connection()->get('/weather/', @origin);
is_deeply($r->{headers}{'access-control-allow-origin'}, ['*'],
          "$name - origin");
ok(main::words($r, 'Access-Control-Expose-Headers')->{'www-authenticate'},
   "$name - the challenge");
$r = connection()->get('/off/', @origin);
is($r->{headers}{'access-control-allow-origin'}, undef, "$name - off");
is($r->{headers}{'access-control-expose-headers'}, undef, "$name - off");
# Paid content is the upstream's affair.
$r = connection()->get('/weather/?header=Access-Control-Allow-Origin:x',
                       @origin, 'Authorization: ' . credential());
is_deeply($r->{headers}{'access-control-allow-origin'}, ['x'],
          "$name - the upstream's");
--- invoices: 2
--- backend: 1



=== TEST 6: a preflight is no way past the gate
--- config eval
<<"END";
    l402_price 10sat;
    location /try/ { l402 weather; try_files /secret.txt =404; }
    location /return/ { l402 weather; return 200 "secret\\n"; }
    location /upstream/ { l402 weather; $main::upstream }
    location /body/ { l402 weather; $main::upstream }
    location /open { return 200 "open\\n"; }
END
--- user_files
>>> secret.txt
secret
--- script
for (['/try/', 204], ['/upstream/', 204], ['/return/', 500]) {
    my ($path, $status) = @$_;
    my $r = main::options($path, @main::preflight);
    is($r->{status}, $status, "$name - $path");
    unlike($r->{head} . $r->{body}, qr/secret/, "$name - $path");
}
my $c = connection();
my $r = $c->request('OPTIONS', '/body/', \@main::preflight, 'x' x 300_000);
is($r->{status}, 204, "$name - with a body");
is($c->get('/open')->{body}, "open\n", "$name - which is read away");
--- invoices: 0
--- backend: 0
--- no_error_log
buffered to a temporary file
