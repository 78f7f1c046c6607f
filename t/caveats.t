# Caveats that a holder may append, and what each does to the token: the table
# of docs/wire-format.md, condition by condition.

use v5.36;
use utf8;
use lib 't/lib';
use Encode qw(encode_utf8);
use Test::Nginx::Socket 'no_plan';
use L402;

our $config = <<'END';
    l402 weather:1;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    location / { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    location /all {
        l402_capability read;
        l402_constraint size $http_x_size;
        l402_bind address host path method;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /refuse {
        l402_unknown_caveats refuse;
        l402_constraint size $http_x_size;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
        location /refuse/in {
            proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
        }
        location /refuse/not {
            l402_unknown_caveats skip;
            proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
        }
    }
    location /to_refuse { try_files /none /refuse; }
END

# Fields of a request that measures 5; `append` stands behind what was minted.
sub with (@append) {
    return ['X-Size: 5', 'Authorization: ' . credential(
        tier => 1, valid_for => undef,
        append => [ map { encode_utf8($_) } @append ])];
}

# Each: what is appended, one or more caveats, and the word.
sub appended ($name, $path, @cases) {
    verdicts($name, connection(), $path, map {
        my ($append, $word) = @$_;
        my @append = ref $append ? @$append : $append;
        my $what = join(' ', map { substr $_, 0, 60 } @append)
            =~ s/[^ -~]/?/gr;
        [ "$path $what", with(@append), $word // 'ok' ];
    } @cases);
}

sub refused ($name, $path, @caveats) {
    appended($name, $path, map { [$_, 'caveat_refused'] } @caveats);
}

my ($soon, $late) = (9_999_999_998, 9_999_999_999);

# What stands for no number, whatever the condition. Each would be good, were
# it read as C or Perl read numbers.
our @no_numbers = ('', ' ', " $late", "$late ", "\t$late", "$late\n",
    "+$late", "-$late", '-0', "$late.0", "${late}e0", '0x9', "$late,$late",
    '9_999_999_999', '9 999 999 999', "$late\0", "\0", "٩" x 10, "９" x 10,
    '9' x 19, '18446744073709551616', '1' . '0' x 40, 'never', 'inf', 'NaN',
    "=$late", "\"$late\"");

# Conditions that mean nothing here, some of them much like those that do.
our @unknown = ('colour=green', 'colour=', '=', '=green', '', 'services',
    'valid_until', 'weather_valid_until', 'Services=', 'SERVICES=x',
    ' services=x', 'services =x', 'valid_until =1', 'Valid_until=1',
    "valid_until\0=1", 'weather-valid_until=1', 'weather_=1', '_valid_until=1',
    'weather_weather_valid_until=1', 'tides_valid_until=1', 'tides_uses=x',
    'tides_balance=', 'tides_capabilities=,', 'request=x', 'request_paths=x',
    'client_addresses=x', 'preimages=x', 'weather_tier=0', 'time<1', 'ä=ö',
    "a\nservices=", "\xff", 'x' x 4000);

# How a condition's values narrow: a good one, one within it, those that are
# not within it.
our %narrowing = (
    weather_valid_until => [$late, $soon, $late + 1],
    valid_until         => [$late, $soon, $late + 1],
    size                => [9, 5, 10],
    weather_capabilities =>
        ['write,read', 'read', 'read,x', 'read,write,x', 'x'],
    client_address =>
        ['127.0.0.0/8', '127.0.0.1', '127.0.0.0/7', '0.0.0.0/0', '::/0',
         '127.0.0.1,10.0.0.1', '127.0.0.1,unix:', '127.0.0.1,::1'],
    request_host =>
        ['a.example,localhost', 'localhost', 'localhost,b.example',
         'localhost,.'],
    request_path =>
        ['/al*', '/all', '/*', '/a*', '/all,/b', '/all,/a'],
    request_method => ['POST,GET', 'GET', 'GET,PUT', 'GET,DELETE'],
);

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: numbers: what is none is refused, first or later
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $late = 9_999_999_999;
for my $condition (qw(weather_valid_until valid_until size)) {
    main::appended($name, '/all', map { [ "$condition=$_" ] }
        $late, "0000000$late", '9' x 18);
    main::refused($name, '/all', map { ("$condition=$_",
        ["$condition=$late", "$condition=$_"]) } @main::no_numbers);
}
# A tier is one, too.
main::refused($name, '/', map { "services=weather:$_" }
    grep { !/,/ } map { s/(\d)\d{9}/$1/gr } @main::no_numbers);
main::appended($name, '/', map { [ "services=weather:$_" ] } '1', '001');


=== TEST 2: each later one only narrower, and never back
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
for my $condition (sort keys %main::narrowing) {
    my ($good, $within, @beyond) = $main::narrowing{$condition}->@*;
    my ($one, $two) = ("$condition=$good", "$condition=$within");
    main::appended($name, '/all', map { [ $_ ] }
        $one, $two, [$one, $one], [$one, $two], [$one, $two, $two]);
    main::refused($name, '/all', [$one, $two, $one],
        map { [$one, "$condition=$_"] } @beyond);
}


=== TEST 3: lists: one bad item spoils them, nothing allows nothing
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my %list = (
    weather_capabilities => ['read', 'a b', 'a.b', 'a=b', 'a*', 'a%20',
        'ä', 'x' x 65],
    client_address => ['127.0.0.1', 'localhost', '127.1', '127.0.0.01', '1',
        '0x7f.0.0.1', '127.0.0.1/', '127.0.0.1/33', '127.0.0.1/08',
        '127.0.0.1/-1', '127.0.0.1/+8', '127.0.0.0/255.0.0.0', '127.0.0.1:80',
        "127.0.0.1\0", '::1/129', '::1::', '[::1]', 'fe80::1%lo', 'unix', '*'],
    request_host => ['localhost', 'Localhost', '*', 'a:80', '%6Cocalhost',
        'a%2db', 'a%2', 'a%', 'a%zz', 'a%c3', 'ä', '[::1]', "a\0"],
    request_path => ['/all', 'all', '*', '/a**', '/a*b', '/a%6Cl', '/%2F',
        '/a%2c', '/a%2', '/a%', '/a%zz', '/a%c3%a4', '/ä', '/a?b', '/a:b',
        "/a\n"],
    request_method => ['GET', 'get', 'Get', '*', 'G%45T', 'A%', "GET\n"],
);
for my $condition (sort keys %list) {
    my ($good, @bad) = $list{$condition}->@*;
    main::appended($name, '/all', map { [ "$condition=$_" ] }
        "$good,$good", join ',', ($good) x 64);
    main::refused($name, '/all', map { "$condition=$_" }
        ",$good", "$good,", "$good,,$good", ',', " $good", "$good ",
        "$good, $good", "$good;$good", join(',', ($good) x 65),
        map { ("$good,$_", "$_,$good") } @bad);
    my $nothing = $condition =~ /capab/ ? 'insufficient' : 'caveat_refused';
    main::appended($name, '/all', ["$condition=", $nothing],
        [["$condition=$good", "$condition="], $nothing],
        [["$condition=", "$condition=$good"], 'caveat_refused']);
}


=== TEST 4: services: each within the list before it
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $of = sub (@lists) {
    return 'Authorization: '
        . credential(caveats => [ map { "services=$_" } @lists ]);
};
main::verdicts($name, connection(), '/', map {
    my ($lists, $word) = @$_;
    [ "@$lists", $of->(@$lists), $word // 'ok' ];
}   [['tides:9,weather:3,news:0', 'weather:2,tides:9', 'weather:1']],
    [['weather:3', 'weather:1,weather:2']],
    [['weather:3', 'weather:1,weather:4'], 'caveat_refused'],
    # A name that stands twice has its lower tier.
    [['weather:2,weather:1', 'weather:1']],
    [['weather:2,weather:1', 'weather:2'], 'caveat_refused'],
    [['weather:1', ''], 'wrong_service'],
    [['', 'weather:1'], 'caveat_refused'],
    [['weather:1', 'tides:0', 'weather:1'], 'caveat_refused'],
    [['weather:1,tides:1', 'weather:1,tides:2'], 'caveat_refused'],
    [['weather:1', 'weather'], 'caveat_refused'],
    [['weather:1', 'Weather:1'], 'caveat_refused'],
    [[join ',', 'weather:1', map { "s$_:0" } 1 .. 63]],
    [[join ',', 'weather:1', map { "s$_:0" } 1 .. 64], 'caveat_refused'],
    [['weather:1,' . 'x' x 64 . ':0']],
    [['weather:1,' . 'x' x 65 . ':0'], 'caveat_refused'],
    [['weather:1,tides:256'], 'caveat_refused'],
    [['weather:1,:1'], 'caveat_refused']);


=== TEST 5: unknown conditions are skipped
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
main::appended($name, '/', map { [ $_ ] } @main::unknown,
    \@main::unknown);
# Of no meaning where no l402_constraint gives them one.
main::appended($name, '/', map { [ $_ ] } 'size=1', 'size=x', 'size=',
    ['size=1', 'size=2']);
main::appended($name, '/all', ['size=4', 'caveat_refused']);


=== TEST 6: or refused, each of them
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
main::refused($name, '/refuse', @main::unknown);
main::appended($name, '/refuse', [[]], [[ 'services=weather:1',
    'weather_valid_until=9999999999', 'weather_capabilities=a,b', 'size=9',
    'client_address=127.0.0.1', 'request_host=localhost',
    'request_path=/refuse', 'request_method=GET', 'valid_until=9999999999',
    'size=5' ]]);
my $preimage = 'ab' x 32;
is(verdict(connection()->get('/refuse', 'Authorization: ' . credential(
    tier => 1, preimage => $preimage, append => ["preimage=$preimage"]))),
    'ok', "$name - the preimage is known");

# Inherited, taken back, and no way around it.
main::appended($name, '/refuse/in', ['size=5'], ['x=1', 'caveat_refused']);
main::appended($name, '/refuse/not', ['size=5'], ['x=1']);
main::appended($name, '/to_refuse', ['size=5'], ['x=1', 'caveat_refused']);


=== TEST 7: one refusal is enough, wherever it stands
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my @good = ('colour=green', 'request_method=GET', 'size=7',
    'request_path=/*', 'weather_capabilities=read');
for my $bad ('request_method=POST', 'size=x', 'client_address=10.0.0.1') {
    for my $at (0 .. @good) {
        my @append = @good;
        splice @append, $at, 0, $bad;
        main::appended("$name - at $at", '/all', [\@append, 'caveat_refused']);
    }
}
main::appended($name, '/all', [\@good]);


=== TEST 8: enforced where the location says nothing of binding or capability
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
main::refused($name, '/', 'client_address=10.0.0.1', 'request_host=a',
    'request_path=/all', 'request_method=POST', 'request_path=x',
    'weather_capabilities=,');
main::appended($name, '/', map { [ $_ ] } 'client_address=127.0.0.1',
    'request_host=localhost', 'request_path=/', 'request_method=GET',
    'weather_capabilities=', 'weather_capabilities=a');


=== TEST 9: one token, read in every form and decided alike
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
for (['request_path=/al*', 'ok'], ['request_path=/b', 'caveat_refused'],
     ['weather_capabilities=', 'insufficient'],
     ["weather_valid_until=1", 'expired'], ['size=4', 'caveat_refused'])
{
    my ($caveat, $word) = @$_;
    my %with = (tier => 1, append => [$caveat]);
    main::verdicts("$name - $caveat", connection(), '/all', map {
        [ $_->[0], ['X-Size: 5', $_->[1]], $word ]
    }   ['V2', 'Authorization: ' . credential(%with)],
        ['V1', 'Authorization: ' . credential(%with, format => 1)],
        ['URL-safe', 'Authorization: '
            . credential(%with) =~ s/ \K(.*)/$1 =~ tr{+\/}{-_}r =~ s{=}{}gr/er],
        ['second of two', 'Authorization: ' . several_credential(',',
            { %with, key => '5f' x 32 }, \%with)],
        ['in hex', 'Macaroon: ' . hex_credential(%with)],
        ['in hex, V1', 'Macaroon: ' . hex_credential(%with, format => 1)],
        ['gRPC', 'Grpc-Metadata-Macaroon: ' . hex_credential(%with)]);
}
