# l402_settled require: a preimage alone opens nothing. The node has to say
# that the money is there; it is asked once, and without its word nothing of
# what is sold leaves.

use v5.36;
use lib 't/lib';
use Time::HiRes qw(time sleep);
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

# Invoice services by what the fault responder calls its answers.
sub services ($more, @names) {
    my $base = $ENV{L402_FAULT_URL};
    return join '', map {
        service($_, url => "$base/$_-t$$", more => $more) } @names;
}

# Several urls, by the same names; their calls count under `as`.
sub urls ($as, $more, @names) {
    my $base = $ENV{L402_FAULT_URL};
    return service($as, more => $more,
        url => join ";\nurl ", map { "$base/$_-$as-t$$" } @names);
}

# A location for each invoice service, and a service of the same name: whoever
# sells a service is asked.
sub locations (@services) {
    return join '', map { <<"END" } @services;
    location /$_/ {
        l402 $_;
        l402_price 10sat;
        l402_settled require;
        l402_invoice_from $_;
        add_header X-Result \$l402_result always;
        $main::upstream
    }
END
}

# A service that is sold with several invoice services, a tier with each.
sub sold_by ($service, @from) {
    return join '', map { <<"END" } 0 .. $#from;
    location /$service/$_/ {
        l402 $service:$_;
        l402_price 10sat;
        l402_settled require;
        l402_invoice_from $from[$_];
        $main::upstream
    }
END
}

# A good credential whose payment hash no other has.
sub paid ($service, %with) {
    my $m = mint(service => $service, %with);
    return { %$m, field => "Authorization: $m->{authorization}" };
}

sub field ($service) { paid($service)->{field} }

sub header ($r, $name) { join ' & ', ($r->{headers}{$name} // [])->@* }

sub errors () { grep { /\[error\]/ } split /\n/, error_log() }

# 503: the reason, a time, and nothing else.
sub waits ($name, $r, $reason, $after = '\d') {
    is($r && $r->{status}, 503, "$name - 503");
    my $body = $r && $r->{body} // '';
    like($body, qr/^\{.*"status":503,"reason":"$reason"\}$/, "$name - $reason");
    like(header($r, 'retry-after'), qr/^$after$/, "$name - Retry-After");
    is(header($r, 'www-authenticate'), '', "$name - no challenge");
    is(header($r, 'cache-control'), 'no-store', "$name - not for caches");
}

sub opens ($name, $path, $field) {
    my $r = connection()->get($path, $field);
    is(verdict($r), 'ok', "$name - opens $path");
    return $r;
}

sub until_true ($seconds, $code) {
    my $end = time + $seconds;
    sleep 0.02 until $code->() || time > $end;
    return $code->();
}

# Each fault, and what the log says of it: a 503 for another reason proves
# nothing. `timeout` is 1 s.
our @faults = (
    [hang => qr/timed out waiting for the answer/],
    [drip => qr/timed out in the middle of the answer/],
    [close => qr/Empty reply from server/],
    [half => qr/(?:transfer closed|end of response) .*/],
    [s401 => qr/answered 401: fault 401/],
    [s404 => qr/answered 404: Not Found/],
    [s429 => qr/answered 429: fault 429/],
    [s500 => qr/answered 500: fault 500/],
    [redirect => qr/answered 302.*/],
    [othersuccess => qr/answered 201/],
    [huge => qr/answered with more than 64 kB/],
    [empty => qr/answered with an empty body/],
    [garbage => qr/answered with a body that is not JSON/],
    [array => qr/answered with JSON that is no object/],
    [wrongtype => qr/answered with no state/],
    [boolean => qr/answered with no state/],
    [lower => qr/answered with a state that has no meaning here/],
    [nostate => qr/answered with no state/],
    [nohash => qr/answered with no r_hash/],
    [shorthash => qr/answered with an r_hash that is not the one asked for/],
    [otherhash => qr/answered with an r_hash that is not the one asked for/],
);

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the node is asked once for a payment
--- http_config eval: main::services('', 'settled')
--- config eval: main::locations('settled')
--- script
my $paid = paid('settled');
my $calls = settlement_calls('settled');
my $r = opens($name, '/settled/', $paid->{field});
is(header($r, 'x-result'), 'ok', "$name - the result");
opens($name, '/settled/', $paid->{field}) for 1 .. 5;
is(settlement_calls('settled', $paid->{payment_hash}), 1, "$name - asked once");

# Another token of that payment, in another form, is the same payment.
my %same = map { $_ => $paid->{$_} } qw(preimage payment_hash);
opens("$name - $_->[0]", '/settled/', $_->[1])
    for [narrowed => paid('settled', %same, append => ['a=b'])->{field}],
        ['V1' => paid('settled', %same, format => 1)->{field}],
        ['in hex' => 'Macaroon: ' . hex_credential(
            service => 'settled', %same)];
is(settlement_calls('settled', $paid->{payment_hash}), 1, "$name - asked once");

opens($name, '/settled/', field('settled'));
is(settlement_calls('settled'), $calls + 2, "$name - another payment is asked");
is(scalar errors(), 0, "$name - nothing in the log");
--- invoices: 0


=== TEST 2: without a good credential nobody is asked
--- http_config eval: main::services('', 'settled')
--- config eval: main::locations('settled')
--- script
my $calls = settlement_calls('settled');
verdicts($name, connection(), '/settled/',
    ['none' => [], 'absent'],
    ['forged' => paid('settled', key => '6d' x 32)->{field}, 'bad_signature'],
    ['another preimage' => paid('settled', payment_hash => '11' x 32)->{field},
     'bad_preimage'],
    ['expired' => paid('settled', valid_for => -1)->{field}, 'expired'],
    ['another service' => field('maps'), 'wrong_service'],
    ['unreadable' => 'Authorization: L402 x', 'malformed']);
is(settlement_calls('settled'), $calls, "$name - nobody was asked");
--- backend: 0


=== TEST 3: a payment that is on its way is not asked for again
--- http_config eval: main::services('', qw(open accepted))
--- config eval: main::locations(qw(open accepted))
--- script
for my $state (qw(open accepted)) {
    my $paid = paid($state);
    my $made = fault_calls($state);
    for (1 .. 3) {
        my $r = connection()->get("/$state/", $paid->{field});
        waits("$name - $state", $r, 'unsettled', 2);
        is(header($r, 'x-result'), 'unsettled', "$name - $state - result");
    }
    is(settlement_calls($state, $paid->{payment_hash}), 3,
        "$name - $state - asked each time");
    is(fault_calls($state), $made, "$name - $state - no invoice");
}
is(scalar errors(), 0, "$name - nothing in the log");
--- backend: 0


=== TEST 4: no is never remembered
--- http_config eval: main::services('', 'later')
--- config eval: main::locations('later')
--- script
my $paid = paid('later');
waits($name, connection()->get('/later/', $paid->{field}), 'unsettled', 2);
opens($name, '/later/', $paid->{field}) for 1 .. 3;
is(settlement_calls('later', $paid->{payment_hash}), 2,
    "$name - and yes is");


=== TEST 5: what will not come has to be paid anew
--- http_config eval: main::services('', qw(canceled unknown))
--- config eval: main::locations(qw(canceled unknown))
--- script
for my $state (qw(canceled unknown)) {
    my $paid = paid($state);
    for (1 .. 2) {
        my $r = connection()->get("/$state/", $paid->{field});
        is(verdict($r), 'unsettled', "$name - $state");
        is($r->{status}, 402, "$name - $state - 402");
        is(header($r, 'x-result'), 'unsettled', "$name - $state - result");
        ok(offer($r)->{payment_hash} ne $paid->{payment_hash},
            "$name - $state - for another payment");
    }
    is(settlement_calls($state, $paid->{payment_hash}), 2,
        "$name - $state - asked each time");
}
like(error_log(), qr/\[info\].*credential for "canceled" refused: unsettled/,
    "$name - in the log");
is(scalar errors(), 0, "$name - no errors");
--- backend: 0


=== TEST 6: each fault: 503 within the deadline, one line, never content
--- http_config eval
main::services('timeout 1s;', map { $_->[0] } @main::faults)
--- config eval: main::locations(map { "$_->[0]" } @main::faults)
--- script
for (@main::faults) {
    my ($fault, $line) = @$_;
    my $paid = paid($fault);
    my @before = errors();
    my $start = time;
    my $r = connection()->get("/$fault/", $paid->{field});
    ok(time - $start < 1.8, "$name - $fault - within the deadline");
    waits("$name - $fault", $r, 'unconfirmed', 5);
    is(header($r, 'x-result'), 'unconfirmed', "$name - $fault - result");
    my @lines = errors();
    splice @lines, 0, scalar @before;
    is(scalar @lines, 1, "$name - $fault - one line");
    like($lines[0], qr/l402:\ no\ settlement\ known\ from\ "$fault":
        \ $line(?:\ while\ waiting\ for\ a\ settlement)?,\ client:\ /x,
        "$name - $fault - that says why");
    is(settlement_calls($fault, $paid->{payment_hash}), 1,
        "$name - $fault - was asked once");
    unlike(error_log(), qr/$paid->{preimage}|\Q$paid->{base64}\E/,
        "$name - $fault - no secret in the log");
}
--- backend: 0
--- invoices: 0
--- timeout: 20


=== TEST 7: nobody listens
--- http_config eval
service('dead', url => 'http://127.0.0.1:1')
--- config eval: main::locations('dead')
--- script
waits($name, connection()->get('/dead/', field('dead')), 'unconfirmed', 5);
like((errors())[-1], qr/no settlement known from "dead": Failed to connect/,
    "$name - the log");
--- backend: 0


=== TEST 8: several urls may be several nodes
--- http_config eval
main::urls('behind', '', qw(unknown settled))
. main::urls('third', '', qw(canceled unknown settled))
. main::urls('error', '', qw(s500 settled))
. main::urls('hung', 'timeout 2s;', qw(hang settled))
. main::urls('first', '', qw(settled hang))
. main::urls('pending', '', qw(unknown accepted))
. main::urls('bad1', '', qw(s500 unknown))
. main::urls('bad2', '', qw(unknown otherhash))
. main::urls('bad3', 'timeout 1s;', qw(canceled hang))
. main::urls('s404', '', qw(s404 unknown))
--- config eval
main::locations(qw(behind third error hung first pending bad1 bad2 bad3 s404))
--- script
my $start = time;
opens($name, "/$_/", field($_)) for qw(behind third error first);
ok(time - $start < 1, "$name - at once");
opens($name, '/hung/', field('hung'));

waits("$name - one waits for the money",
    connection()->get('/pending/', field('pending')), 'unsettled', 2);
waits("$name - $_ - no needs all of them",
    connection()->get("/$_/", field($_)), 'unconfirmed', 5)
    for qw(bad1 bad2 bad3 s404);
--- timeout: 20


=== TEST 9: none of them knows it
--- http_config eval
main::urls('none', '', qw(unknown canceled unknown))
--- config eval: main::locations('none')
--- script
my $r = connection()->get('/none/', field('none'));
is(verdict($r), 'unsettled', "$name - a fresh challenge");


=== TEST 10: who asks the same meanwhile shares the question
--- http_config eval
main::services('timeout 4s; max_in_flight 1;', 'wait1500')
. main::services('timeout 2s; max_in_flight 2;', 'hang')
--- config eval
main::locations(qw(wait1500 hang)) . '
    location /open/ { proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT; }'
--- script
my $paid = paid('wait1500');
my $send = sub ($path, $field) {
    my $c = connection();
    $c->send("GET $path HTTP/1.1\r\nHost: x\r\n$field\r\n\r\n");
    return $c;
};
my @parked = map { $send->('/wait1500/', $paid->{field}) } 1 .. 20;
ok(until_true(2, sub {
    settlement_calls('wait1500', $paid->{payment_hash}) == 1 }),
    "$name - a question is under way");

my $start = time;
is(connection()->get('/open/')->{status}, 200, "$name - others go on");
my $other = connection()->get('/wait1500/', field('wait1500'));
waits("$name - another question", $other, 'unconfirmed', 1);
ok(time - $start < 1, "$name - at once");
like((errors())[-1], qr/"wait1500": max_in_flight calls are under way/,
    "$name - and why");

is(verdict($_->read), 'ok', "$name - all get the answer") for @parked;
is(settlement_calls('wait1500', $paid->{payment_hash}), 1,
    "$name - of one question");
is($parked[0]->get('/open/')->{status}, 200, "$name - and go on");

# Whoever leaves gives up the place.
my $before = settlement_calls('hang');
for my $round (1 .. 3) {
    my @leaving = map { $send->('/hang/', field('hang')) } 1, 2;
    ok(until_true(2, sub { settlement_calls('hang') == $before + 2 * $round }),
        "$name - places are free, $round");
    $_->close for @leaving;
    sleep 0.2;
}

# But not that of somebody who waits for the same.
my $first = $send->('/wait1500/', (my $again = paid('wait1500'))->{field});
ok(until_true(2, sub {
    settlement_calls('wait1500', $again->{payment_hash}) == 1 }),
    "$name - asked");
my $second = $send->('/wait1500/', $again->{field});
sleep 0.1;
$first->close;
is(verdict($second->read), 'ok', "$name - who stays has the answer");
is(settlement_calls('wait1500', $again->{payment_hash}), 1,
    "$name - of the same question");
--- timeout: 30


=== TEST 11: a request that waited is the same request
--- http_config eval: main::services('', 'wait300')
--- config eval
main::locations('wait300') . <<"END";
    location /bytes/ {
        l402 weather;
        l402_price 10sat;
        l402_settled require;
        l402_invoice_from wait300;
        alias html/;
    }
END
--- user_files
>>> a.txt
0123456789
--- script
my $body = 'a body, ' x 20_000;
my $c = connection();
my $r = $c->request('POST', '/wait300/', [field('wait300')], $body);
is(verdict($r), 'ok', "$name - with a body");
my ($seen) = reverse backend_requests();
like($seen, qr/^POST/, "$name - the method");
is(length(($seen =~ /\r\n\r\n(.*)/s)[0] // ''), length $body,
    "$name - the whole of it");

$r = $c->request('POST', '/wait300/', [
    field('wait300'), 'Transfer-Encoding: chunked', 'Expect: 100-continue'],
    undef);
is($r->{status}, 100, "$name - 100 after the answer");
$c->send("5\r\nhello\r\n0\r\n\r\n");
is(verdict($c->read), 'ok', "$name - in chunks");

$r = $c->request('HEAD', '/wait300/', [field('wait300')]);
is($r->{status}, 200, "$name - HEAD");

$r = $c->get('/bytes/a.txt', field('weather'), 'Range: bytes=2-4');
is($r->{status}, 206, "$name - a range");
is($r->{body}, '234', "$name - of the file");

# Pipelined: in their order, each judged on its own.
my ($one, $two) = (paid('wait300'), paid('wait300'));
$c->send(join '', map { "GET /wait300/ HTTP/1.1\r\nHost: x\r\n"
    . "$_\r\n\r\n" } $one->{field}, 'X: y', $two->{field}, $one->{field});
is(join(' ', map { verdict($c->read) } 1 .. 4), 'ok absent ok ok',
    "$name - pipelined");
is(settlement_calls('wait300', $_->{payment_hash}), 1,
    "$name - pipelined, asked once") for $one, $two;


=== TEST 12: a body that came before the refusal is read away
--- http_config eval: main::services('', qw(accepted canceled))
--- config eval: main::locations(qw(accepted canceled))
--- script
my $c = connection();
my $body = 'a body, ' x 20_000;
waits("$name - pending", $c->request('POST', '/accepted/',
    [field('accepted')], $body), 'unsettled', 2);
is(verdict($c->request('POST', '/canceled/', [field('canceled')], $body)),
    'unsettled', "$name - canceled");
waits("$name - the connection goes on", $c->get('/accepted/',
    field('accepted')), 'unsettled', 2);
--- backend: 0


=== TEST 13: an internal redirect is not asked again, and asks where it has to
--- http_config eval: main::services('', qw(settled later))
--- config eval
<<"END";
    l402_price 10sat;
    l402_invoice_from settled;
    error_page 404 = /inside/;
    location /asks/ {
        l402 weather;
        l402_settled require;
        error_page 418 = /also/;
        if (\$arg_to) { rewrite ^ /also/ last; }
        try_files /none /also/;
    }
    location /also/ { l402 weather; l402_settled require; $main::upstream }
    location /asks_not/ { l402 weather; try_files /none /inside/; }
    location /inside/ {
        internal;
        l402 weather;
        l402_settled require;
        $main::upstream
    }
    location /waits/ {
        l402 weather;
        l402_invoice_from later;
        try_files /none /inside/;
    }
END
--- script
for my $path (qw(/asks/ /asks_not/ /also/)) {
    my $paid = paid('weather');
    opens($name, $path, $paid->{field});
    my $asked = settlement_calls('settled', $paid->{payment_hash});
    is($asked, 1, "$name - $path - asked once");
}

# What the other location sells is asked of its own node as well.
my $paid = paid('weather');
opens("$name - any of the nodes", '/waits/', $paid->{field});
is(settlement_calls('later', $paid->{payment_hash}), 1, "$name - later");
is(settlement_calls('settled', $paid->{payment_hash}), 1, "$name - settled");


=== TEST 14: a redirect from where nobody is asked does not lead past it
--- http_config eval: main::services('', qw(accepted canceled s500))
--- config eval
<<"END";
    l402_price 10sat;
    location /accepted/ {
        l402 accepted;
        l402_invoice_from accepted;
        try_files /none \@in_accepted;
    }
    location \@in_accepted {
        l402 accepted;
        l402_settled require;
        l402_invoice_from accepted;
        $main::upstream
    }
    location /canceled/ {
        l402 canceled;
        l402_invoice_from canceled;
        error_page 404 = /in_canceled/;
        alias html/none/;
    }
    location /in_canceled/ {
        internal;
        l402 canceled;
        l402_settled require;
        l402_invoice_from canceled;
        $main::upstream
    }
    location /other/ {
        l402 s500;
        l402_invoice_from s500;
        try_files /none \@in_accepted;
    }
END
--- script
my $c = connection();
waits("$name - named", $c->get('/accepted/',
    field('accepted')), 'unsettled', 2);
is(verdict($c->get('/canceled/', field('canceled'))),
    'unsettled', "$name - internal");

# The token is the other service's: its node has to know, not this one's.
my $paid = paid('s500');
waits("$name - of another service", $c->get('/other/', $paid->{field}),
    'unconfirmed', 5);
is(settlement_calls('s500', $paid->{payment_hash}), 1, "$name - its node");
is(settlement_calls('accepted', $paid->{payment_hash}), 0,
    "$name - and no other");
--- backend: 0


=== TEST 15: all that sell a service are asked at once
--- http_config eval
main::services('timeout 3s;', qw(unknown settled hang accepted canceled s500
                                  wait300))
--- config eval
main::sold_by(a => qw(unknown settled)) . main::sold_by(b => qw(settled hang))
. main::sold_by(c => qw(accepted unknown))
. main::sold_by(d => qw(canceled unknown))
. main::sold_by(e => qw(s500 unknown)) . main::sold_by(f => qw(accepted s500))
. main::sold_by(g => qw(wait300 unknown))
--- script
my $ask = sub ($service) {
    connection()->get("/$service/0/",
        paid($service, tier => 1)->{field});
};
my $start = time;
is(verdict($ask->('a')), 'ok', "$name - another has the money");
is(verdict($ask->('b')), 'ok', "$name - nobody waits for the hung one");
is(verdict($ask->('g')), 'ok', "$name - nor ends with the faster");
ok(time - $start < 2, "$name - at once");
waits("$name - one expects it", $ask->('c'), 'unsettled', 2);
is(verdict($ask->('d')), 'unsettled', "$name - none expects it");
waits("$name - one cannot say", $ask->('e'), 'unconfirmed', 5);
waits("$name - one cannot say, one expects it", $ask->('f'), 'unsettled', 2);


=== TEST 16: what one's node said is no yes for another service
--- http_config eval: main::services('', qw(settled accepted))
--- config eval
<<"END";
    l402_price 10sat;
    l402_settled require;
    location /a/ { l402 a; l402_invoice_from settled; $main::upstream }
    location /b/ { l402 b; l402_invoice_from accepted; $main::upstream }
END
--- script
my $a = paid('a');
opens($name, '/a/', $a->{field});
my $b = paid('b', preimage => $a->{preimage});
waits($name, connection()->get('/b/', $b->{field}), 'unsettled', 2);
--- backend: 1


=== TEST 17: what is free asks nobody, nor does what is off
--- http_config eval
main::services('', qw(s500 accepted)) . <<'END'
    map $arg_price $price { default $arg_price; "" 10sat; }
END
--- config eval
<<"END";
    l402_settled require;
    l402_invoice_from s500;
    location /free/ { l402 weather; l402_price 0; $main::upstream }
    location /off/ {
        l402 weather;
        l402_price 10sat;
        l402_settled off;
        limit_except GET { l402_settled require; }
        $main::upstream
    }
    location /varies/ { l402 weather; l402_price \$price; $main::upstream }
    location /pending/ {
        l402 maps;
        l402_price \$price;
        l402_invoice_from accepted;
        $main::upstream
    }
END
--- script
my $c = connection();
my $calls = settlement_calls('s500');
is(verdict($c->get('/free/', field('weather'))), 'ok', "$name - free");
is(verdict($c->get('/off/', field('weather'))), 'ok', "$name - off");
is(settlement_calls('s500'), $calls, "$name - nobody was asked");
waits("$name - limit_except", $c->request('PUT', '/off/', [field('weather')],
    'x'), 'unconfirmed', 5);

waits("$name - dear", $c->get('/varies/', field('weather')), 'unconfirmed', 5);
is(verdict($c->get('/varies/?price=0', field('weather'))), 'ok',
    "$name - free this time");
is(verdict($c->get('/pending/?price=0', field('maps'))),
    'ok', "$name - free this time, too");
is($c->get('/pending/?price=x', field('maps'))->{status},
    503, "$name - no price is not free");


=== TEST 18: satisfy any
--- http_config eval: main::services('', qw(settled accepted canceled))
--- user_files
>>> passwords
user:{PLAIN}secret
--- config eval
<<"END";
    l402_price 10sat;
    l402_settled require;
    satisfy any;
    location /settled/ {
        l402 a;
        l402_invoice_from settled;
        deny all;
        $main::upstream
    }
    location /accepted/ {
        l402 b;
        l402_invoice_from accepted;
        auth_basic realm;
        auth_basic_user_file ../html/passwords;
        $main::upstream
    }
    location /canceled/ {
        l402 c;
        l402_invoice_from canceled;
        deny all;
        $main::upstream
    }
    location /allowed/ {
        l402 b;
        l402_invoice_from accepted;
        allow all;
        $main::upstream
    }
END
--- script
my $c = connection();
is(verdict($c->get('/settled/', field('a'))), 'ok',
    "$name - settled");
waits("$name - accepted", $c->get('/accepted/',
    field('b')), 'unsettled', 2);
is(verdict($c->get('/canceled/', field('c'))), 'unsettled',
    "$name - canceled");
is(verdict($c->get('/accepted/', 'Authorization: Basic dXNlcjpzZWNyZXQ=')),
    'ok', "$name - a password");
is(verdict($c->get('/allowed/', field('b'))), 'ok',
    "$name - an address");


=== TEST 19: in the form that the caller reads
--- http_config eval: main::services('', qw(accepted s500 canceled))
--- config eval: main::locations(qw(accepted s500 canceled))
--- script
my $c = connection();
my $r = $c->get('/accepted/', field('accepted'), 'Accept: text/html');
is($r->{status}, 503, "$name - a page");
like($r->{body}, qr/The payment has not been settled \(<code>unsettled/,
    "$name - that says why");
unlike($r->{body}, qr/lnbc/, "$name - and asks for nothing");

for (['accepted', 14, 'the payment has not been settled'],
     ['s500', 14, 'the payment cannot be confirmed now'],
     ['canceled', 13, 'payment required']) {
    my ($state, $code, $message) = @$_;
    $r = $c->request('POST', "/$state/",
        [field($state), 'Content-Type: application/grpc'], 'x');
    is($r->{status}, 200, "$name - gRPC, $state");
    is(header($r, 'grpc-status'), $code, "$name - gRPC, $state - status");
    is(header($r, 'grpc-message'), $message, "$name - gRPC, $state - message");
}
--- backend: 0


=== TEST 20: a subrequest asks nobody, as it never does
--- http_config eval: main::services('', qw(settled accepted wait300))
--- user_files
>>> a.txt
content of the backend
--- config eval
<<"END";
    l402_price 10sat;
    l402_invoice_from accepted;
    location /file/ {
        l402 file;
        l402_settled require;
        l402_invoice_from wait300;
        mirror /copy/;
        alias html/;
    }
    location /page/ {
        l402 weather;
        l402_settled require;
        mirror /copy/;
        $main::upstream
    }
    location /copy/ { internal; l402 weather; l402_settled require;
                      $main::upstream }
    location /settled/ {
        l402 maps;
        l402_settled require;
        l402_invoice_from settled;
        mirror /copy/;
        $main::upstream
    }
END
--- script
waits($name, connection()->get('/page/', field('weather')), 'unsettled', 2);
is(scalar(backend_requests()), 0, "$name - no copy of what is not settled");
opens($name, '/settled/', field('maps'));
ok(until_true(2, sub { backend_requests() == 2 }),
    "$name - and one of what is");

# Nothing else happens on this connection that would have it sent.
my $kept = connection();
is(verdict($kept->get('/file/a.txt', field('file'))), 'ok', "$name - a file");
ok(until_true(2, sub { backend_requests() == 3 }),
    "$name - also after a wait");


=== TEST 21: a flood of failures is not a flood of lines
--- http_config eval: main::services('', 's500')
--- config eval: main::locations('s500')
--- script
my $c = connection();
my $field = field('s500');
sleep 1 - (time - int time);
is($c->get('/s500/', $field)->{status}, 503, "$name - $_") for 1 .. 40;
my $lines = errors();
ok($lines >= 1 && $lines <= 5, "$name - $lines lines");
sleep 1.1;
$c->get('/s500/', $field);
like((errors())[-1], qr/\(the one before \d+ times more\)/,
    "$name - but how many is told");


=== TEST 22: a server that sells nothing itself lets nobody in
--- http_config eval
main::services('', 'settled') . "    l402_settled require;\n"
--- config eval
<<"END";
    l402 weather;
    l402_invoice_from settled;
    location /sold/ { l402_price 10sat; $main::upstream }
END
--- script
opens($name, '/sold/', field('weather'));
is(verdict(connection()->get('/sold/', field('maps'))),
    'wrong_service', "$name - another's");
--- backend: 1
