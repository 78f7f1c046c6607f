# Whatever is sent as a credential: $l402_unpaid_client is empty if, and only
# if, the request is let in; asked for before the access phase, and after it.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Log;

# limit_req only counts: its status is there where it had a key.
our $http = fault('ok') . <<'END' . access_log(
    limit_req_zone $l402_unpaid_client zone=unpaid:1m rate=1r/m;
    limit_req_dry_run on;
END
    '$status <$l402_result> <$early> <$limit_req_status> '
    . '<$l402_unpaid_client>');

our $config = <<'END';
    large_client_header_buffers 4 64k;
    keepalive_requests 100000;
    l402 weather:1;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_capability read;
    location /early {
        limit_req zone=unpaid;
        set $early $l402_unpaid_client;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /late {
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /strict {
        limit_req zone=unpaid;
        set $early $l402_unpaid_client;
        l402_unknown_caveats refuse;
        l402_invalid_status 401;
        l402_pass_credential on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

our $address = '\x7F\x00\x00\x01';

# Sends each (a list of fields) to each place; %reasons counts what came of it.
sub holds ($name, @requests) {
    my $c = connection();
    my (@wrong, %reasons);
    fresh_log();
    for my $fields (@requests) {
        for my $place (qw(/early /late /strict)) {
            my $r = $c->get($place, @$fields);
            my $line = logged();
            my ($status, $reason, $early, $limit, $late) =
                $line =~ /^(\d+) <(.*)> <(.*)> <(.*)> <(.*)>$/;
            my $let_in = $r->{status} == 200;
            my @want = $let_in ? ('', '-', '-')
                : ($main::address, 'yes', $main::address);
            $limit = 'yes' if $limit ne '-';
            @want[0, 1] = ('', '-') if $place eq '/late';
            push @wrong, "$place $line: " . join ' | ', @$fields
                if $status != $r->{status} || "@want" ne "$early $limit $late";
            $reasons{$reason}++;
        }
    }
    is(join("\n", splice @wrong, 0, 5), '', "$name - " . @requests);
    return \%reasons;
}

sub reasons ($name, $reasons, @want) {
    is(join(' ', grep { !$reasons->{$_} } @want), '',
        "$name - each word: " . join ' ', map { "$_ $reasons->{$_}" }
            sort keys %$reasons);
}

sub authorization ($value) { "Authorization: $value" }
sub one_of (@list) { $list[rand @list] }

# A credential that differs from a good one in some ways, or in none.
sub any_fields () {
    my $later = time + 7200;
    my %with = (tier => one_of(1, 1, 1, 1, 0, 255),
                format => one_of(2, 2, 1));
    $with{service} = 'tides' if rand() < .05;
    $with{key} = '5f' x 32 if rand() < .1;
    $with{payment_hash} = '0f' x 32 if rand() < .05;
    $with{valid_for} = one_of(undef, -1, 0, 60) if rand() < .2;
    $with{version} = 1 if rand() < .02;
    $with{location} = one_of(undef, '', 'evil') if rand() < .1;
    $with{names} = test_key() if rand() < .3;
    $with{append} = [ map {
        one_of('x=y', 'colour', '', "valid_until=$later", 'valid_until=1',
            'weather_capabilities=read,write', 'weather_capabilities=read',
            'weather_capabilities=write', 'services=weather:1',
            'services=weather:0', 'services=weather:9', 'services=tides:1',
            'client_address=127.0.0.1', 'client_address=10.0.0.0/8',
            'request_method=GET', 'request_method=POST',
            'request_path=/early,/late,/strict', 'request_path=/e*',
            'request_host=localhost', 'request_host=other',
            'weather_uses=1', 'preimage=x')
    } 1 .. one_of(0, 0, 0, 1, 1, 2, 3) ];
    my $m = mint(%with);
    my ($text, $preimage) = $m->@{qw(base64 preimage)};
    my $forged = mint(tier => 1, key => '5f' x 32)->{base64};

    $text =~ tr{+/}{-_} if rand() < .2;
    $text =~ s/=+$// if rand() < .2;
    $text = one_of("$text,$forged", "$forged, $text", "AAAA,$text",
        "$forged," x 7 . $text, "$forged," x 8 . $text) if rand() < .15;
    $preimage = uc $preimage if rand() < .1;

    my $value = one_of(('L402 ') x 6, 'LSAT ', 'l402  ', "L402\t",
        'L402 L402 ', 'Bearer ', 'L402') . "$text:$preimage";

    # A byte that is another one, is gone, or comes twice.
    if (rand() < .1) {
        my $at = int rand length $value;
        substr $value, $at, 1, one_of('', 'A', '!', substr($value, $at, 1) x 2);
    }

    my $hex = sub { hex_credential(%with) };
    return one_of(
        ([authorization($value)]) x 8,
        [ 'Macaroon: ' . $hex->() ],
        [ 'Grpc-Metadata-Macaroon: ' . $hex->() ],
        [ authorization($value), 'Macaroon: ' . $hex->() ],
        [ authorization($value), 'Macaroon: 0201' ],
        [ authorization('Basic bWU6d29yZA=='), 'Macaroon: ' . $hex->() ],
        [ 'Macaroon: ' . $hex->(), 'Macaroon: ' . $hex->() ],
        [ 'Macaroon: xyz', 'Grpc-Metadata-Macaroon: ' . $hex->() ],
    );
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: each kind of credential, and each reason
--- http_config eval: $main::http
--- config eval: $main::config
--- script
my $m = mint(tier => 1);
my ($t, $p) = $m->@{qw(base64 preimage)};
my $v1 = mint(tier => 1, format => 1);
my $forged = mint(tier => 1, key => '5f' x 32)->{base64};
my $of = sub (%with) { [ main::authorization(credential(tier => 1, %with)) ] };
my $reasons = main::holds($name,
    [],
    [main::authorization('')],
    [main::authorization('Basic bWU6d29yZA==')],
    [main::authorization("Bearer $t:$p")],
    [main::authorization("L402$t:$p")],
    (map { [main::authorization($_)] }
        "L402 $t:$p", "LSAT $t:$p", "l402   $t:$p", "L402 L402 $t:$p",
        "  L402 $t:$p  ", "L402 $t:\U$p", $v1->{authorization},
        "L402 $forged,$t:$p", "L402 $t,$forged:$p", "L402 AAAA,$t:$p",
        'L402 ' . "$forged," x 7 . "$t:$p", 'L402 ' . "$t," x 8 . "$t:$p",
        "L402 L402 L402 $t:$p", "L402 $t", "L402 :$p", 'L402', "L402 $t:x",
        "L402 $t:$p:$p", "L402 ${t}x:$p", "L402 $t:" . '0f' x 32,
        "L402 $forged:$p", 'L402 ' . 'A' x 30000 . ":$p"),
    $of->(valid_for => undef), $of->(valid_for => -1), $of->(tier => 0),
    $of->(service => 'tides'), $of->(caveats => []), $of->(version => 1),
    $of->(append => ['colour=green']), $of->(append => ['preimage=x']),
    $of->(append => ['weather_capabilities=write']),
    $of->(append => ['weather_capabilities=read']),
    $of->(append => ['client_address=127.0.0.1']),
    $of->(append => ['client_address=10.0.0.1']),
    $of->(append => ['request_path=/early']),
    $of->(append => ['request_method=POST']),
    $of->(append => [('x=y') x 126]), $of->(append => [('x=y') x 127]),
    ['Macaroon: ' . hex_credential(tier => 1)],
    ['Macaroon: ' . hex_credential(tier => 0)],
    ['Macaroon: ' . hex_credential(tier => 1, key => '5f' x 32)],
    ['Grpc-Metadata-Macaroon: ' . hex_credential(tier => 1)],
    ["Macaroon: $t"], ['Macaroon: 0201'], ['Macaroon:'],
    [$of->(key => '5f' x 32)->[0], 'Macaroon: ' . hex_credential(tier => 1)],
    [$of->()->[0], 'Macaroon: 0201'],
    ['Macaroon: ' . hex_credential(tier => 1), 'Macaroon: 0201'],
    ['Macaroon: 0201', 'Macaroon: ' . hex_credential(tier => 1)],
);
main::reasons($name, $reasons, qw(ok absent malformed bad_signature
    bad_preimage expired wrong_service insufficient caveat_refused));
# Two Authorization fields: nginx itself, before any location.
my $r = connection()->get('/early', $of->()->[0], $of->()->[0]);
is($r->{status}, 400, "$name - two fields");


=== TEST 2: any mixture
--- http_config eval: $main::http
--- config eval: $main::config
--- script
# Another one each time; the name tells which.
my $seed = $ENV{L402_SEED} // int rand 1_000_000;
srand $seed;
my $reasons = main::holds("$name, L402_SEED=$seed",
    map { main::any_fields() } 1 .. 600);
main::reasons("$name, L402_SEED=$seed", $reasons,
    qw(ok absent malformed bad_signature bad_preimage expired wrong_service
       insufficient caveat_refused));
