# The header fields that pay, those that do not, and what of them the
# upstream gets to see.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our $config = <<"END";
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        $upstream
    }
    location /pass/ {
        l402 weather;
        l402_price 10sat;
        l402_pass_credential on;
        $upstream
    }
    location /free/ { l402 weather; l402_price 0; $upstream }
    large_client_header_buffers 8 16k;
END

sub get ($path, @headers) { connection()->get($path, @headers) }

# The fields of the latest request that reached the upstream, without those
# that nginx sets.
sub fields {
    my ($head) = split /\r\n\r\n/, (backend_requests())[-1];
    my (undef, @fields) = split /\r\n/, $head;
    return grep { !/^(?:Host|Connection|Content-Length):/i } @fields;
}

# What arrives is what was sent, without the credential, in its order.
sub arrives ($name, @sent) {
    my @kept = grep { !/^Authorization: L(?:402|SAT)/i
                      && !/^(?:Grpc-Metadata-)?Macaroon/i } @sent;
    my $r = get('/weather/', @sent);
    is($r->{status}, 200, "$name - paid");
    is_deeply([fields()], \@kept, "$name - the rest, in its order");
}

our @kinds = (
    'Authorization: ' . credential(),
    'authorization: ' . credential(scheme => 'lsat'),
    'Macaroon: ' . hex_credential(),
    'Grpc-Metadata-Macaroon: ' . hex_credential(),
    'grpc-metadata-macaroon: ' . uc hex_credential(),
);

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the header fields that pay
--- config eval: $main::config
--- script
my $c = connection();
for my $field (@main::kinds) {
    my $r = $c->get('/weather/', $field);
    is($r->{status}, 200, "$name - " . substr $field, 0, 30);
    is(scalar main::fields(), 0, "$name - taken off");
}
--- invoices: 0
--- backend: 5



=== TEST 2: taken off wherever it stands
--- config eval: $main::config
--- script
my @others = map { "X-Field-$_: value $_" } 1 .. 4;
for my $field (@main::kinds) {
    for my $at (0 .. @others) {
        my @sent = @others;
        splice @sent, $at, 0, $field;
        main::arrives("$name - " . substr($field, 0, 24) . " at $at", @sent);
    }
    main::arrives("$name - with one before", 'X-One: 1', $field);
    main::arrives("$name - with one behind", $field, 'X-One: 1');
}
--- invoices: 0



=== TEST 3: taken off from among many
--- config eval: $main::config
--- script
# nginx keeps them by 20; Host comes before these.
my @others = map { "X-Field-$_: value $_" } 1 .. 65;
for my $field (@main::kinds) {
    for my $at (0, 1, 17 .. 21, 37 .. 41, 57 .. 60, 64, 65) {
        my @sent = @others;
        splice @sent, $at, 0, $field;
        main::arrives("$name - at $at", @sent);
    }
}
for my $n (17 .. 20, 37 .. 40) {
    main::arrives("$name - last of $n", @others[0 .. $n - 1], $main::kinds[0]);
    main::arrives("$name - first of $n", $main::kinds[0],
                  @others[0 .. $n - 1]);
}
--- invoices: 0



=== TEST 4: several of them
--- config eval: $main::config
--- script
my ($authorization, undef, $macaroon, $grpc) = @main::kinds;
my @others = map { "X-Field-$_: value $_" } 1 .. 30;
main::arrives("$name - two", $macaroon, 'X-One: 1', $macaroon);
main::arrives("$name - side by side", 'X-One: 1', $macaroon, $macaroon,
              'X-Two: 2');
main::arrives("$name - among many", @others[0 .. 9], $macaroon,
              @others[10 .. 19], $macaroon, @others[20 .. 29], $macaroon);

# Ours does not pay, another field does: both are taken off.
my $forged = 'Authorization: ' . credential(key => '00' x 32);
main::arrives("$name - a forged one beside it", $forged, 'X-One: 1', $macaroon);
main::arrives("$name - a forged one beside it", $macaroon, $forged, 'X: 1');
--- invoices: 0



=== TEST 5: fields that nginx looks at itself stay good
--- config eval: $main::config
--- script
my @sent = ('User-Agent: agent', 'X-Forwarded-For: 1.1.1.1', $main::kinds[0],
            'Cookie: a=b', 'Accept: text/html', 'Referer: http://a/',
            'Accept-Encoding: gzip', 'Range: bytes=0-9',
            'If-None-Match: "x"', 'X-Forwarded-For: 2.2.2.2', 'Cookie: c=d',
            'Via: 1.1 a');
main::arrives($name, @sent);
my @body = ('Content-Type: text/plain', $main::kinds[0], 'X-One: 1');
my $r = connection()->request('POST', '/weather/', \@body, 'a body');
is($r->{status}, 200, "$name - with a body");
is_deeply([main::fields()], ['Content-Type: text/plain', 'X-One: 1'],
          "$name - with a body");
--- invoices: 0



=== TEST 6: names that are much alike are left alone
--- config eval: $main::config
--- script
my @sent = ('X-Authorization: L402 a:b', 'Proxy-Authorization: Basic eDp5',
            'Macaroons: 00', 'X-Macaroon: 00', 'Grpc-Metadata-Macaroons: 00',
            'Macaroo: 00');
my $r = main::get('/weather/', $main::kinds[0], @sent);
is($r->{status}, 200, "$name - paid");
is_deeply([main::fields()], \@sent, "$name - all there");
--- invoices: 0



=== TEST 7: credentials of other schemes do not pay
--- config eval: $main::config
--- script
for my $value ('Basic dXNlcjpzZWNyZXQ=', 'Bearer ' . 'a' x 300,
               'Digest username="a", uri="/"', 'Negotiate abc', 'L40 a:b',
               'L4022 a:b', 'Basic', '', 'x',
               'Bearer ' . credential() =~ s/^L402 //r) {
    my $r = main::get('/weather/', "Authorization: $value");
    is($r->{status}, 402, "$name - " . substr $value, 0, 30);
    ok(parse_challenge($r->{headers}{'www-authenticate'}[0]),
       "$name - a challenge");
    like($r->{body}, qr/"reason":"absent"/, "$name - no credential of ours");
}
--- invoices: 10
--- backend: 0



=== TEST 8: and are passed on untouched where another field pays
--- config eval: $main::config
--- script
for my $value ('Basic dXNlcjpzZWNyZXQ=', 'Bearer ' . 'a' x 300,
               'Digest username="a", uri="/"') {
    for my $paid (@main::kinds[2 .. 4]) {
        for my $sent (["Authorization: $value", $paid, 'X-One: 1'],
                      [$paid, "Authorization: $value"],
                      ['X-One: 1', $paid, 'X-Two: 2',
                       "Authorization: $value"]) {
            main::arrives("$name - " . substr($value, 0, 8), @$sent);
        }
    }
}
--- invoices: 0



=== TEST 9: a free location passes other schemes on as well
--- config eval: $main::config
--- script
is(main::get('/free/', 'Authorization: Bearer x')->{status}, 200, $name);
is_deeply([main::fields()], ['Authorization: Bearer x'], "$name - untouched");
is(main::get('/free/', 'Authorization: ' . credential(key => '00' x 32))
       ->{status}, 200, "$name - one of ours");
is(scalar main::fields(), 0, "$name - is nobody else's affair");
--- invoices: 0



=== TEST 10: l402_pass_credential on
--- config eval: $main::config
--- script
for my $field (@main::kinds) {
    my @sent = ('X-One: 1', $field, 'X-Two: 2');
    is(main::get('/pass/', @sent)->{status}, 200, "$name - paid");
    is_deeply([main::fields()], \@sent, "$name - as it was sent");
}
--- invoices: 0



=== TEST 11: variables that hold it are empty behind the gate
--- config eval
<<"END";
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        set \$early "\$http_authorization\$http_macaroon";
        proxy_set_header X-Authorization "[\$http_authorization]";
        proxy_set_header X-Macaroon "[\$http_macaroon]";
        proxy_set_header X-Grpc "[\$http_grpc_metadata_macaroon]";
        $main::upstream
    }
    location /pass/ {
        l402 weather;
        l402_price 10sat;
        l402_pass_credential on;
        proxy_set_header Authorization "";
        proxy_set_header X-Authorization "\$http_authorization";
        $main::upstream
    }
END
--- script
for my $field (@main::kinds) {
    is(main::get('/weather/', $field)->{status}, 200, "$name - paid");
    is_deeply([main::fields()],
        ['X-Authorization: []', 'X-Macaroon: []', 'X-Grpc: []'],
        "$name - nothing");
}
is(main::get('/weather/', $main::kinds[2], 'Authorization: Basic eDp5')
       ->{status}, 200, "$name - paid beside Basic");
is((main::fields())[0], 'X-Authorization: [Basic eDp5]', "$name - Basic stays");

is(main::get('/pass/', $main::kinds[0])->{status}, 200, "$name - passed on");
is_deeply([main::fields()], [$main::kinds[0] =~ s/^/X-/r],
          "$name - where the configuration says so");
--- invoices: 0



=== TEST 12: a shared cache may not keep what a Macaroon field opened
--- config eval
<<"END";
    $main::config
    location /static/ { l402 weather; l402_price 10sat; }
    location /says/ {
        l402 weather;
        l402_price 10sat;
        add_header Cache-Control "public, max-age=5";
        $main::upstream
    }
END
--- user_files
>>> static/a.txt
content
--- script
my $cache = sub ($path, @headers) {
    my $r = main::get($path, @headers);
    is($r->{status}, 200, "$name - $path");
    return join ' + ', ($r->{headers}{'cache-control'} // [])->@*;
};
my ($authorization, undef, $macaroon, $grpc) = @main::kinds;
my $public = '?header=Cache-Control:public,max-age=5';
for my $field ($macaroon, $grpc) {
    is($cache->('/weather/', $field), 'private', "$name - private");
    is($cache->('/static/a.txt', $field), 'private', "$name - a file");
    is($cache->("/weather/$public", $field), 'public,max-age=5',
       "$name - as the upstream says");
    is($cache->('/says/', $field), 'public, max-age=5',
       "$name - as the configuration says");
    is($cache->('/pass/', $field), 'private', "$name - also where it is kept");
}
is($cache->('/weather/', $authorization), '', "$name - Authorization");
is($cache->('/static/a.txt', $authorization), '', "$name - a file");
is($cache->('/free/'), '', "$name - free");
--- invoices: 0



=== TEST 13: what is kept for others is not got past the gate
--- http_config
    proxy_cache_path cache keys_zone=kept:1m;
--- config eval
<<"END";
    location /weather/ {
        l402 weather;
        l402_price 10sat;
        proxy_cache kept;
        proxy_cache_valid 10m;
        $main::upstream
    }
END
--- script
is(main::get('/weather/', $main::kinds[0])->{status}, 200, "$name - filled");
is(main::get('/weather/', $main::kinds[0])->{status}, 200, "$name - paid");
is(main::get('/weather/')->{status}, 402, "$name - unpaid");
--- invoices: 1
--- backend: 1
