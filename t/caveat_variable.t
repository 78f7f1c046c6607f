# What a gate mints, to the letter; and $l402_caveat_NAME, which tells what a
# token holds.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

our $tells = <<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    add_header X-Colour "[\$l402_caveat_colour]" always;
    add_header X-Services "[\$l402_caveat_services]" always;
    add_header X-Long "[\$l402_caveat_max_upload_bytes]" always;
    proxy_set_header X-Colour "[\$l402_caveat_colour]";
    location / { $upstream }
    location /dear { l402 weather:2; $upstream }
    location = /to { try_files /none /landed; }
    location = /to_named { error_page 404 = \@named; }
    location /landed { internal; $upstream }
    location \@named { l402 news; $upstream }
    location /off { l402 off; $upstream }
END

# Of a field of the response; undef where there is none.
sub tells ($r, $field) { ($r->{headers}{$field} // [])->[0] }

sub with (@append) { 'Authorization: ' . credential(append => \@append) }

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: what is minted, in its order, whatever that of the directives
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402_invoice_from fault_ok;
    l402_price 10sat;
    location /least { l402 weather; l402_valid_for off; $main::upstream }
    location /two { l402 weather:255; $main::upstream }
    location /all {
        l402_bind method path host address;
        l402_constraint up \$http_x_up grant=100;
        l402_constraint unsold \$http_x_up;
        l402_constraint down 1 grant=007;
        l402_constraint none 0 grant=0;
        l402_capabilities write,read,write;
        l402_capability read;
        l402 weather:7;
        $main::upstream
        location /all/but { l402_valid_for off; l402_capabilities off;
                            l402_constraint off; l402_bind off;
                            $main::upstream }
        location /all/own { l402 tides; l402_bind host;
                            l402_constraint x 1 grant=1; $main::upstream }
    }
END
--- script
my $c = connection();
my %minted = (
    '/least' => 'services=weather:0',
    '/two' => 'services=weather:255 | weather_valid_until=T',
    '/all/x' => 'services=weather:7 | weather_valid_until=T | '
        . 'weather_capabilities=write,read,write | up=100 | down=7 | none=0 | '
        . 'client_address=127.0.0.1 | request_host=localhost | '
        . 'request_path=/all/x | request_method=GET',
    '/all/but' => 'services=weather:7',
    '/all/own' => 'services=tides:0 | tides_valid_until=T | '
        . 'tides_capabilities=write,read,write | x=1 | request_host=localhost',
);
for my $path (sort keys %minted) {
    my $r = $c->get($path);
    is(minted($r), $minted{$path}, "$name - $path");
    ok(is_signed(read_token(offer($r)->{field}{macaroon}), test_key()),
        "$name - $path - signed");
    is(verdict($c->get($path, made_good($r))), 'ok', "$name - $path - opens");
}


=== TEST 2: when it ends: in the token, and in the body
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    location / { l402_valid_for 90s; $main::upstream }
    location /long { l402_valid_for 30d; $main::upstream }
END
--- script
my $c = connection();
for (['/', 90], ['/long', 30 * 86400]) {
    my ($path, $life) = @$_;
    my $before = time;
    my $r = $c->get($path);
    my $m = read_token(offer($r)->{field}{macaroon});
    my ($until) = $m->{caveats}[1] =~ /^weather_valid_until=(\d+)$/;
    ok($until >= $before + $life && $until <= time + $life, "$name - $path");
    is(offer($r)->{token_expires_at}, $until, "$name - $path - in the body");
}


=== TEST 3: $l402_caveat_NAME: the last of its condition
--- http_config eval: fault('ok')
--- config eval: $main::tells
--- script
my $c = connection();
for (['none', [], ''],
     ['one', ['colour=green'], 'green'],
     ['the last', ['colour=green', 'x=1', 'colour=red', 'y=2'], 'red'],
     ['an empty one', ['colour=green', 'colour='], ''],
     ['with = in it', ['colour=a=b=c'], 'a=b=c'],
     ['without =', ['colour'], ''],
     ['capitals', ['COLOUR=Green'], 'Green'],
     ['a longer condition', ['colours=green', 'x_colour=red'], ''],
     ['spaces and quotes', ['colour= "a" \\ '], ' "a" \\ '],
     ['UTF-8', ["colour=gr\xc3\xbcn"], "gr\xc3\xbcn"],
     ['a long one', ['colour=' . 'x' x 3000], 'x' x 3000])
{
    my ($what, $append, $value) = @$_;
    my $r = $c->get('/', main::with(@$append));
    is(verdict($r), 'ok', "$name - $what - paid");
    is(main::tells($r, 'x-colour'), "[$value]", "$name - $what");
    # The credential has been taken off by then.
    like((backend_requests())[-1], qr/^X-Colour: \[\Q$value\E\]\r$/m,
        "$name - $what - upstream");
}
my $r = $c->get('/', main::with('services=weather:0', 'max-upload-bytes=5'));
is(main::tells($r, 'x-services'), '[weather:0]', "$name - a known one");
is(main::tells($r, 'x-long'), '[5]', "$name - with - for _");
$r = $c->get('/', main::with('max_upload_bytes=6'));
is(main::tells($r, 'x-long'), '[6]', "$name - with _");


=== TEST 4: in every form, and of the macaroon that decided
--- http_config eval: fault('ok')
--- config eval: $main::tells
--- script
my $c = connection();
my %green = (append => ['colour=green']);
my %red = (append => ['colour=red']);
my $basic = 'Authorization: Basic bWU6d29yZA==';
for (['V1', 'Authorization: ' . credential(%green, format => 1)],
     ['LSAT', 'Authorization: ' . credential(%green, scheme => 'lsat')],
     ['the scheme twice', 'Authorization: L402 ' . credential(%green)],
     ['hex', 'Macaroon: ' . hex_credential(%green)],
     ['hex beside Basic', $basic, 'Macaroon: ' . hex_credential(%green)],
     ['gRPC', 'Grpc-Metadata-Macaroon: ' . hex_credential(%green)],
     ['the good one, last', 'Authorization: '
         . several_credential(', ', 'AAAA', { %red, key => '5f' x 32 },
               { %red, service => 'news' }, \%green)],
     ['the good one, first', 'Authorization: '
         . several_credential(',', \%green, { %red, key => '5f' x 32 })],
     ['the good one, in the other field', 'Authorization: '
         . credential(%red, service => 'news'),
         'Macaroon: ' . hex_credential(%green)])
{
    my ($what, @fields) = @$_;
    my $r = $c->get('/', @fields);
    is(verdict($r), 'ok', "$name - $what - paid");
    is(main::tells($r, 'x-colour'), '[green]', "$name - $what");
}


=== TEST 5: of a refused token, where it is one of ours
--- http_config eval: fault('ok')
--- config eval: $main::tells
--- script
my $c = connection();
for (['expired', 'green', valid_for => -1],
     ['wrong_service', 'green', service => 'news'],
     ['insufficient', 'green', caveats => ['services=weather:1']],
     ['caveat_refused', 'green', caveats => ['services=weather:2',
         'valid_until=x']],
     ['bad_preimage', 'green', payment_hash => '0f' x 32],
     ['bad_signature', '', key => '5f' x 32])
{
    my ($word, $value, @with) = @$_;
    my $r = $c->get('/dear', 'Authorization: '
        . credential(@with, append => ['colour=green']));
    is(verdict($r), $word, "$name - $word");
    is(main::tells($r, 'x-colour'), "[$value]", "$name - $word - told");
}
for ('X: y', 'Authorization: L402 x', 'Authorization: Basic eDp5',
     'Colour: green', 'Cookie: colour=green') {
    my $r = $c->get('/?colour=green&l402_caveat_colour=green', $_);
    is(main::tells($r, 'x-colour'), '[]', "$name - $_");
}


=== TEST 6: where it lands, and where nothing is sold
--- http_config eval: fault('ok')
--- config eval: $main::tells
--- script
my $c = connection();
for ('/to', '/to_named') {
    my $r = $c->get($_, main::with('colour=green'));
    is(verdict($r), 'ok', "$name - $_ - paid");
    is(main::tells($r, 'x-colour'), '[green]', "$name - $_");
}
my $r = $c->get('/off', main::with('colour=green'));
is(verdict($r), 'ok', "$name - off");
is(main::tells($r, 'x-colour'), '[]', "$name - off - nothing to tell");


=== TEST 7: no caveat writes a line of its own
--- http_config eval: fault('ok')
--- config eval: $main::tells
--- script
# $http_name cannot hold them, so nobody expects it of a variable like this.
for my $end ("\r\n", "\n", "\r", "\0") {
    my $r = connection()->get('/',
        main::with("colour=a${end}X-Admin: yes${end}X: y"));
    is(verdict($r), 'ok', "$name - paid");
    is($r->{headers}{'x-admin'}, undef, "$name - not in the response");
    unlike(join('', backend_requests()), qr/^X-Admin/m,
        "$name - not in the upstream's request");
    unlike(main::tells($r, 'x-colour') // '', qr/[\0-\x1f]/,
        "$name - no control character");
}
