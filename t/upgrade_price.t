# l402_upgrade_price: fixed, variable, nothing, and where it is not set.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

# "word price" of the answer.
sub asks ($r) {
    my $price = offer($r)->{price_msat};
    return verdict($r) . (defined $price ? " $price" : '');
}

sub low { 'Authorization: ' . credential() }
sub forged { 'Authorization: ' . credential(key => '5f' x 32) }

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: inherited, replaced, and not set: the price
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402 weather:1;
    l402_invoice_from fault_ok;
    location /none { l402_price 5sat; $main::upstream }
    location /up {
        l402_price 5sat;
        l402_upgrade_price 3sat;
        $main::upstream
        location /up/in { $main::upstream }
        location /up/own { l402_upgrade_price 1500msat; $main::upstream }
        location /up/price { l402_price 4sat; $main::upstream }
    }
END
--- script
my $c = connection();
my %asks = ('/none' => 5000, '/up' => 3000, '/up/in' => 3000,
            '/up/own' => 1500, '/up/price' => 3000);
for my $path (sort keys %asks) {
    my $old = mint();
    my $r = $c->get($path, "Authorization: $old->{authorization}");
    is(main::asks($r), "insufficient $asks{$path}", "$name - $path");
    is(read_token(offer($r)->{field}{macaroon})->{token_id}, $old->{token_id},
        "$name - $path - keeps its id");
}
is(main::asks($c->get('/up')), 'absent 5000', "$name - nothing");
is(main::asks($c->get('/up', main::forged())), 'bad_signature 5000',
    "$name - forged");


=== TEST 2: a variable one, asked for where it is needed alone
--- http_config eval: fault('ok')
--- config eval
<<"END";
    location / {
        l402 weather:1;
        l402_invoice_from fault_ok;
        l402_bind path;
        l402_price \$arg_p;
        l402_upgrade_price \$arg_u;
        add_header X-Price "[\$l402_price_msat]" always;
        $main::upstream
    }
END
--- script
my $c = connection();
my $calls = fault_calls('ok');
for (['?p=5sat&u=2sat', 'insufficient 2000', '[2000]'],
     ['?p=5sat&u=700msat', 'insufficient 700', '[700]'],
     ['?u=2sat', 'insufficient 2000', '[2000]'],
     ['?p=x&u=9sat', 'insufficient 9000', '[9000]'])
{
    my ($query, $asks, $price) = @$_;
    my $r = $c->get("/$query", main::low());
    is(main::asks($r), $asks, "$name - $query");
    is($r->{headers}{'x-price'}[0], $price, "$name - $query - variable");
}
is(fault_calls('ok') - $calls, 4, "$name - invoices");
for ('?p=5sat&u=x', '?p=5sat') {
    is(main::asks($c->get("/$_")), 'absent 5000', "$name - $_ - nothing");
    is(main::asks($c->get("/$_", main::forged())), 'bad_signature 5000',
        "$name - $_ - forged");
    is(verdict($c->get("/$_", 'Authorization: ' . credential(tier => 1))),
        'ok', "$name - $_ - paid");
}
unlike(error_log(), qr/is no amount/, "$name - nothing to log");


=== TEST 3: one that is no amount
--- http_config eval: fault('ok')
--- config eval
<<"END";
    location / {
        l402 weather:1;
        l402_price 5sat;
        l402_invoice_from fault_ok;
        l402_upgrade_price \$arg_u;
        add_header X-Price "[\$l402_price_msat]" always;
        $main::upstream
    }
END
--- script
my $c = connection();
my $calls = fault_calls('ok');
for my $value ('', '5', '-1sat', '1.5sat', 'free', '2100000000000000001msat') {
    my $r = $c->get("/?u=$value", main::low());
    is(verdict($r), 'bad_price', "$name - '$value'");
    is($r->{headers}{'x-price'}[0], '[]', "$name - '$value' - variable");
}
is(fault_calls('ok') - $calls, 0, "$name - no invoice");
--- backend: 0
--- error_log
l402: the value "" of "l402_upgrade_price" is no amount, it must be such as "10sat"


=== TEST 4: nothing: whoever has a lower tier is let in
--- http_config eval: fault('ok')
--- config eval
<<"END";
    location / {
        l402 weather:1;
        l402_price 5sat;
        l402_invoice_from fault_ok;
        l402_upgrade_price 0;
        add_header X-Result "\$l402_result \$l402_price_msat" always;
        $main::upstream
    }
END
--- script
my $c = connection();
my $r = $c->get('/', main::low());
is(verdict($r), 'ok', "$name - let in");
is($r->{headers}{'x-result'}[0], 'free 0', "$name - free");
unlike((backend_requests())[-1], qr/^Authorization/m,
    "$name - the credential is taken off");
is(main::asks($c->get('/')), 'absent 5000', "$name - nothing");
is(main::asks($c->get('/', main::forged())), 'bad_signature 5000',
    "$name - forged");
is(main::asks($c->get('/', 'Authorization: ' . credential(valid_for => -1))),
    'expired 5000', "$name - expired");
is(main::asks($c->get('/', 'Authorization: '
    . credential(append => ['services=weather:0']))), 'insufficient 5000',
    "$name - narrowed to its tier");
--- backend: 1


=== TEST 5: where all is free it does not matter what one has
--- http_config eval: fault('ok')
--- config eval
<<"END";
    location / {
        l402 weather:1;
        l402_price 0;
        $main::upstream
        location /dear { l402_upgrade_price 1sat; $main::upstream }
    }
END
--- script
is(verdict(connection()->get('/dear', main::low())), 'ok',
    "$name - for an upgrade, too");
verdicts($name, connection(), '/', ['nothing', [], 'ok'],
    ['a lower tier', main::low(), 'ok'], ['forged', main::forged(), 'ok']);
--- backend: 4


=== TEST 6: a node that is down
--- config eval
<<"END";
    location / {
        l402 weather:1;
        l402_price 5sat;
        l402_upgrade_price 3sat;
        l402_invoice_from fault_s500;
        $main::upstream
    }
END
--- script
is(verdict(connection()->get('/', main::low())), 'no_invoice', $name);
--- backend: 0


=== TEST 7: after a redirect it is the price of where it landed
--- http_config eval: fault('ok')
--- config eval
<<"END";
    l402_invoice_from fault_ok;
    location /low {
        l402 weather; l402_price 1sat; l402_upgrade_price 9sat;
        try_files /none /high;
    }
    location /high {
        l402 weather:1; l402_price 5sat; l402_upgrade_price 3sat;
        $main::upstream
    }
    location /news {
        l402 news:1; l402_price 7sat; l402_upgrade_price 2sat; $main::upstream
    }
    location /to_news {
        l402 weather:1; l402_price 5sat; l402_upgrade_price 0;
        try_files /none /news;
    }
END
--- script
my $c = connection();
my $old = mint();
my $r = $c->get('/low', "Authorization: $old->{authorization}");
is(main::asks($r), 'insufficient 3000', "$name - raised there");
is(read_token(offer($r)->{field}{macaroon})->{token_id}, $old->{token_id},
    "$name - keeps its id");
is(verdict($c->get('/low', made_good($r))), 'ok', "$name - opens");
# An upgrade at one place is none at the next.
is(main::asks($c->get('/to_news', main::low())), 'wrong_service 7000',
    "$name - of another service");
