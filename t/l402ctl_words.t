# One table of credentials and requests, and one word for each: that of the
# gate and that of `l402ctl verify` with the request described to it.

use v5.36;
use lib 't/lib';
use IPC::Open2 qw(open2);
use Test::Nginx::Socket 'no_plan';
use L402;

our $config = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    add_header X-Word $l402_result always;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Client;

    location /plain { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }
    location /tier {
        l402 weather:2;
        l402_price 20sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /read {
        l402_capability read;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /pages {
        l402_constraint pages $arg_n;
        l402_constraint words $arg_w;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /strict {
        l402_unknown_caveats refuse;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
END

# What the locations are, as options.
my %location = (
    plain  => sub ($q) { ('--service', 'weather') },
    tier   => sub ($q) { ('--service', 'weather:2') },
    read   => sub ($q) { ('--service', 'weather', '--capability', 'read') },
    pages  => sub ($q) { ('--service', 'weather',
                          '--constraint', 'pages=' . ($q->{n} // 0),
                          '--constraint', 'words=' . ($q->{w} // 0)) },
    strict => sub ($q) { ('--service', 'weather', '--refuse-unknown-caveats') },
);

sub gate ($c, $method, $target, $host, $fields) {
    $c->send(CORE::join "\r\n", "$method $target HTTP/1.1", "Host: $host",
             @$fields, '', '');
    my $r = $c->read($method) or die "$method $target: no answer\n";
    return $r->{headers}{'x-word'}[0] // "status $r->{status}";
}

sub ctl ($fields, @options) {
    my $pid = open2(my $out, my $in, env('L402_CTL'), 'verify',
                    '--key-file', key_file(), @options);
    print $in map { "$_\n" } @$fields;
    CORE::close $in;
    chomp(my $word = <$out> // '');
    waitpid $pid, 0;
    my $code = $? >> 8;
    return $code == ($word eq 'ok' ? 0 : 1) ? $word : "$word, exit $code";
}

# Each: the word, a credential's fields, and what is not GET /plain of
# localhost from 192.0.2.1.
sub check ($name, @table) {
    my $c = connection();
    for (@table) {
        my ($word, $what, $fields, %with) = @$_;
        my %is = (method => 'GET', target => '/plain', host => 'localhost',
                  address => '192.0.2.1', %with);
        my ($path, $arguments) = split /\?/, $is{target}, 2;
        my %query = map { split /=/, $_, 2 } split /&/, $arguments // '';
        my ($location) = $path =~ m{^/(\w+)};
        my @fields = ref $fields ? @$fields : $fields;

        $path =~ s/%([0-9a-f]{2})/chr hex $1/gei;
        my @options = ($location{$location}->(\%query),
                       '--method', $is{method}, '--path', $path,
                       '--host', $is{host} =~ s/:\d+$//r,
                       '--address', $is{address});

        is(gate($c, @is{qw(method target host)},
                [ @fields, "X-Client: $is{address}" ]),
           $word, "$name - $what - the gate");
        is(ctl(\@fields, @options), $word, "$name - $what - l402ctl");
    }
}

sub authorization ($value) { "Authorization: $value" }
sub with (@append) { authorization(credential(append => \@append)) }
sub token (%with) { authorization(credential(%with)) }

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: forms
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $m = mint();
my ($t, $p) = $m->@{qw(base64 preimage)};
my $tides = mint(service => 'tides', preimage => $p);
my $hex = hex_credential();
check($name,
    ['ok', 'a credential', authorization("L402 $t:$p")],
    ['ok', 'LSAT', authorization("lsat $t:$p")],
    ['ok', 'the scheme twice', authorization("L402 L402 $t:$p")],
    ['ok', 'URL-safe, no padding',
        authorization('L402 ' . ($t =~ tr{+/=}{-_}rd) . ":$p")],
    ['ok', 'V1', token(format => 1)],
    ['ok', 'the second of two', authorization("L402 $tides->{base64},$t:$p")],
    ['ok', 'Macaroon', "Macaroon: $hex"],
    ['ok', 'Grpc-Metadata-Macaroon', "Grpc-Metadata-Macaroon: $hex"],
    ['ok', 'Macaroon beside Basic',
        ['Authorization: Basic dTpw', "Macaroon: $hex"]],
    ['absent', 'nothing', []],
    ['absent', 'Basic', 'Authorization: Basic dTpw'],
    ['absent', "an application's macaroon",
        'Macaroon: ' . unpack('H*', mint(identifier => 'lnd')->{macaroon})],
    ['malformed', 'a Macaroon that is none', 'Macaroon: 0201'],
    ['malformed', 'no preimage', authorization("L402 $t")],
    ['malformed', 'no macaroon', authorization("L402 AAAA:$p")],
    ['bad_preimage', 'another preimage',
        authorization("L402 $t:" . '0' x 64)],
    ['bad_signature', 'another key', token(key => '5f' x 32)],
    ['bad_signature', 'another location', token(location => 'evil')],
    ['wrong_service', 'another service', token(service => 'tides')],
    ['expired', 'too late', token(valid_for => -1)],
);


=== TEST 2: caveats
--- http_config eval: fault('ok') . "l402_zone words:1m;\n"
--- config eval: $main::config
--- script
my @read = ('weather_capabilities=read,list');
my @pages = ('pages=10', 'pages=5');
check($name,
    ['insufficient', 'a lower tier', with(), target => '/tier'],
    ['ok', 'the tier', token(tier => 2), target => '/tier'],
    ['ok', 'a higher tier', token(tier => 3), target => '/tier'],
    ['insufficient', 'lowered', token(tier => 2,
        append => ['services=weather:1']), target => '/tier'],
    ['caveat_refused', 'raised', with('services=weather:1')],
    ['wrong_service', 'emptied', with('services=')],
    ['ok', 'every capability', with(), target => '/read'],
    ['ok', 'the capability', with(@read), target => '/read'],
    ['insufficient', 'no longer the capability',
        with(@read, 'weather_capabilities=list'), target => '/read'],
    ['caveat_refused', 'a capability come back',
        with('weather_capabilities=list', @read), target => '/read'],
    ['ok', 'no capability needed', with('weather_capabilities=')],
    ['ok', 'as many as allowed', with(@pages), target => '/pages?n=5'],
    ['caveat_refused', 'one more', with(@pages), target => '/pages?n=6'],
    ['caveat_refused', 'of two limits the second', with(@pages, 'words=1'),
        target => '/pages?n=5&w=2'],
    ['ok', 'no limit', with(), target => '/pages?n=99999'],
    ['caveat_refused', 'a limit raised', with('pages=5', 'pages=6'),
        target => '/pages?n=1'],
    ['ok', 'a limit that nobody measures', with('pages=x')],
    ['ok', 'an unknown caveat', with('colour=green', 'x')],
    ['caveat_refused', 'an unknown caveat, strict', with('colour=green'),
        target => '/strict'],
    ['caveat_refused', 'a limit that nobody measures, strict', with('pages=5'),
        target => '/strict'],
    ['ok', 'what is known, strict',
        with('client_address=192.0.2.0/24', 'valid_until=9999999999',
             'request_method=GET'), target => '/strict'],
    ['expired', 'valid_until', with('valid_until=1')],
    ['caveat_refused', 'a time that is none', with('valid_until=+1')],
    ['caveat_refused', 'another preimage', with('preimage=' . '0' x 64)],
    ['ok', 'uses', with('weather_uses=1')],
    ['caveat_refused', 'uses that widen', with('weather_uses=1',
        'weather_uses=2')],
    ['caveat_refused', 'uses that are no number', with('weather_uses=x')],
    ['ok', 'a balance that nothing takes from', with('weather_balance=1')],
    ['caveat_refused', 'a balance that widens', with('weather_balance=1',
        'weather_balance=2')],
);


=== TEST 3: ties to the request
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $net = with('client_address=192.0.2.0/25,2001:db8::/32');
my $space = with('request_path=/plain/a%20b/*');
my $get = with('request_method=GET');
my $host = with('request_host=a.example');
check($name,
    ['ok', 'in the network', $net],
    ['caveat_refused', 'outside of it', $net, address => '192.0.2.128'],
    ['ok', 'in the other network', $net, address => '2001:db8::1'],
    ['caveat_refused', 'outside of both', $net, address => '2001:db9::1'],
    ['caveat_refused', 'a unix socket', with('client_address=unix:')],
    ['caveat_refused', 'a network that widens',
        with('client_address=192.0.2.1', 'client_address=192.0.2.0/24')],
    ['ok', 'the host', $host, host => 'A.EXAMPLE:8080'],
    ['caveat_refused', 'another host', $host, host => 'b.example'],
    ['caveat_refused', 'a longer host', $host, host => 'a.example.org'],
    ['ok', 'the path', $space, target => '/plain/a%20b/c?x=1'],
    ['caveat_refused', 'another path', $space, target => '/plain/a/b'],
    ['caveat_refused', 'the path encoded twice', $space,
        target => '/plain/a%2520b/c'],
    ['caveat_refused', 'an asterisk in the path is none in the caveat',
        with('request_path=/plain/%2A'), target => '/plain/x'],
    ['ok', 'an asterisk', with('request_path=/plain/%2A'),
        target => '/plain/*'],
    ['ok', 'HEAD is GET', $get, method => 'HEAD'],
    ['caveat_refused', 'GET is not HEAD', with('request_method=HEAD')],
    ['caveat_refused', 'POST', $get, method => 'POST'],
    ['caveat_refused', 'small letters', with('request_method=get')],
    ['caveat_refused', 'an empty list', with('request_path=')],
);


=== TEST 4: what l402ctl mints and narrows
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $keys = key_file();
my $ctl = env('L402_CTL');
my $minted = qx{'$ctl' mint --key-file '$keys' --service weather:1 \\
    --capabilities read --constraint pages=5 --bind-address 192.0.2.1 \\
    --bind-host a.example --bind-path '/pages/a b' --bind-method HEAD};
my $narrowed = qx{printf '%s' '$minted' \\
    | '$ctl' attenuate --services weather:0 --caveat pages=4 --method head};
my %request = (host => 'a.example', target => '/pages/a%20b?n=5');
my %narrow = (%request, method => 'HEAD', target => '/pages/a%20b?n=4');
chomp($_ = "Authorization: $_") for $minted, $narrowed;
check($name,
    ['ok', 'minted', $minted, %request],
    ['ok', 'minted, HEAD', $minted, %request, method => 'HEAD'],
    ['caveat_refused', 'minted, another address', $minted, %request,
        address => '192.0.2.2'],
    ['caveat_refused', 'minted, one page more', $minted, %request,
        target => '/pages/a%20b?n=6'],
    ['ok', 'narrowed', $narrowed, %narrow],
    ['caveat_refused', 'narrowed, GET', $narrowed, %narrow, method => 'GET'],
    ['caveat_refused', 'narrowed, one page more', $narrowed, %narrow,
        target => '/pages/a%20b?n=5'],
);
