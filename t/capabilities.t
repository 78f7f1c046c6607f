# l402_capabilities is what a token is sold with, l402_capability what a
# location needs. A token that says nothing of capabilities has them all.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $config = <<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_capabilities read,write;
    location / { $upstream }
    location /read { l402_capability read; $upstream }
    location /write { l402_capability write; $upstream }
    location /rea { l402_capability rea; l402_capabilities off; $upstream }
END

sub with ($list = undef, @more) {
    return 'Authorization: ' . credential(append =>
        [ map { "weather_capabilities=$_" } $list // (), @more ]);
}

# Each: what is sent, and the word of each location that is asked for.
sub table ($name, $paths, @rows) {
    my $c = connection();
    for (@rows) {
        my ($what, $fields, @words) = @$_;
        my @got = map { verdict($c->get($_, $fields)) } @$paths;
        is("@got", "@words", "$name - $what");
    }
}

our ($ok, $no) = qw(ok insufficient);

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: what each list opens
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my ($ok, $no) = ($main::ok, $main::no);
main::table($name, [qw(/ /read /write /rea)],
    ['no list', main::with(), $ok, $ok, $ok, $ok],
    ['all', main::with('write,x,read'), $ok, $ok, $ok, $no],
    ['read', main::with('read'), $ok, $ok, $no, $no],
    ['write', main::with('write'), $ok, $no, $ok, $no],
    ['none', main::with(''), $ok, $no, $no, $no],
    ['names that are much alike', main::with('reads,Write,READ,re,ead'),
        $ok, $no, $no, $no],
    ['the last of 64', main::with(join ',', 1 .. 63, 'read'),
        $ok, $ok, $no, $no],
    ['narrowed by its holder', main::with('read,write', 'write'),
        $ok, $no, $ok, $no],
    ['narrowed twice', main::with('read,write,x', 'x,read', 'read'),
        $ok, $ok, $no, $no],
    ['narrowed to nothing', main::with('read,write', ''),
        $ok, $no, $no, $no],
    ['widened', main::with('read', 'read,write'), ('caveat_refused') x 4],
    ['of another service', 'Authorization: '
        . credential(append => ['tides_capabilities=x']), $ok, $ok, $ok, $ok],
    ['in the Macaroon field', 'Macaroon: '
        . hex_credential(append => ['weather_capabilities=read']),
        $ok, $ok, $no, $no]);


=== TEST 2: one token, remembered, is decided at each place
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $read = main::with('read');
main::table($name, [('/read', '/write') x 5],
    ['again and again', $read, ($main::ok, $main::no) x 5]);


=== TEST 3: what is sold opens what it names, and its holder narrows it
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $r = $c->get('/read');
like(minted($r), qr/\| weather_capabilities=read,write$/, "$name - minted");
is(offer($r)->{reason}, 'absent', "$name - asked for");
my $m = read_token(offer($r)->{field}{macaroon});
my $made = sub (@append) {
    'Authorization: ' . credential(token_id => $m->{token_id},
                                   caveats => $m->{caveats},
                                   append => \@append);
};
main::table($name, [qw(/read /write)],
    ['as sold', $made->(), $main::ok, $main::ok],
    ['narrowed', $made->('weather_capabilities=read'), $main::ok, $main::no],
    ['beyond', $made->('weather_capabilities=rea'), ('caveat_refused') x 2]);
unlike(minted($c->get('/rea')), qr/capabilities/, "$name - off mints none");


=== TEST 4: refused for a capability: a challenge as for anybody
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $r = connection()->get('/write', main::with('read'));
is(verdict($r), 'insufficient', "$name - insufficient");
is(minted($r), 'services=weather:0 | weather_valid_until=T | '
    . 'weather_capabilities=read,write', "$name - which would open it");
is(offer($r)->{price_msat}, 10000, "$name - at the price");
--- backend: 0


=== TEST 5: other reasons go first
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my @read = ('weather_capabilities=read');
verdicts($name, connection(), '/write',
    ['forged', 'Authorization: '
        . credential(append => \@read, key => '5f' x 32), 'bad_signature'],
    ['expired', 'Authorization: '
        . credential(append => \@read, valid_for => -1), 'expired'],
    ['for another service', 'Authorization: '
        . credential(append => \@read, service => 'tides'), 'wrong_service'],
    ['of another client', 'Authorization: '
        . credential(append => [@read, 'client_address=10.0.0.1']),
        'caveat_refused'],
    ['the one of two that has it', 'Authorization: ' . several_credential(',',
        { append => \@read }, { append => ['weather_capabilities=write'] }),
        'ok']);


=== TEST 6: a method that needs more than the others
--- http_config eval: fault('ok')
--- config eval
<<"END";
    location / {
        l402 weather;
        l402_price 10sat;
        l402_invoice_from fault_ok;
        l402_capability read;
        limit_except GET { l402_capability write; }
        $main::upstream
    }
END
--- script
my $c = connection();
for (['read', 'ok', 'insufficient'], ['write', 'insufficient', 'ok'],
     ['read,write', 'ok', 'ok']) {
    my ($list, $get, $post) = @$_;
    is(verdict($c->get('/', main::with($list))), $get, "$name - $list - GET");
    is(verdict($c->request('POST', '/', [main::with($list)], 'body')), $post,
        "$name - $list - POST");
}


=== TEST 7: inherited, replaced, and taken back
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_capability read;
    location / { $main::upstream location /in { $main::upstream } }
    location /other { l402_capability write; $main::upstream
                      location /other/in { $main::upstream } }
    location /open { l402_capability off; $main::upstream }
END
--- script
my ($ok, $no) = ($main::ok, $main::no);
main::table($name, [qw(/ /in /other /other/in /open)],
    ['read', main::with('read'), $ok, $ok, $no, $no, $ok],
    ['write', main::with('write'), $no, $no, $ok, $ok, $ok],
    ['none', main::with(''), $no, $no, $no, $no, $ok]);


=== TEST 8: a redirect does not carry a token past what it has not
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    location / { $main::upstream }
    location = /try { try_files /none /write; }
    location = /error { error_page 404 = /write; }
    location = /named { try_files /none \@write; }
    location = /internal { try_files /none /inner; }
    location /write { l402_capability write; $main::upstream }
    location /inner { internal; l402_capability write; $main::upstream }
    location \@write { l402_capability write; $main::upstream }
    location /accel { $main::upstream }
END
--- script
my $accel = '/accel?header=X-Accel-Redirect:/write';
my @paths = (qw(/try /error), $accel);
for my $field ('Authorization', 'Macaroon') {
    my $with = sub ($list) {
        my @with = (append => ["weather_capabilities=$list"]);
        return "$field: " . ($field eq 'Macaroon' ? hex_credential(@with)
                                                  : credential(@with));
    };
    main::table("$name - $field", \@paths,
        ['without', $with->('read'), ($main::no) x @paths],
        ['with', $with->('write'), ($main::ok) x @paths]);
    # Only the configuration can lead there.
    main::table("$name - $field", [qw(/named /internal)],
        ['without', $with->('read'), ($main::ok) x 2]);
}
