# Several keys in a file: the first mints, all verify, and rotation by reload
# refuses nobody who has paid.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

master_on();
workers(2);

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';

# Key number n, of those that tests put into the file in their order.
sub key ($n) { sprintf '%064x', 0xabc000 + $n }

# All configurations are made before the first test: each has a file of its own.
sub write_keys ($file, @numbers) {
    return write_secret($file, join '',
        map { key($_) . " key $_\n" } @numbers);
}

our $config = sub ($name, @numbers) {
    my $file = write_keys($name, @numbers);
    return <<"END";
    location / {
        l402 weather;
        l402_price 10sat;
        l402_invoice_from fault_ok;
        l402_key_file $file;
        $upstream
    }
END
};

# A credential of key n. Its id names the key, as those that are minted here
# do, or another one, or none.
sub with ($n, %with) {
    return 'Authorization: ' . credential(
        key => key($n), names => key($n), %with);
}

sub verdict_of ($field = 'X: y') { verdict(connection()->get('/', $field)) }

# The key that signs what is offered now.
sub minting (@numbers) {
    my $m = read_token(offer(connection()->get('/'))->{field}{macaroon});
    return join ' ', grep { is_signed($m, key($_)) } @numbers;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the first mints, and its tokens name it; all verify
--- http_config eval: fault('ok')
--- config eval: $main::config->('mints', 1, 2, 3)
--- script
for (1 .. 5) {
    my $r = connection()->get('/');
    my $m = read_token(offer($r)->{field}{macaroon});
    ok(is_signed($m, main::key(1)), "$name - signed");
    is(substr($m->{token_id}, -8), unpack('H*', key_hint(main::key(1))),
        "$name - named");
    is(main::verdict_of(made_good($r, main::key(1))), 'ok', "$name - opens");
}
is(main::verdict_of(main::with($_)), 'ok', "$name - $_") for 1 .. 3;
is(main::verdict_of(main::with(4)), 'bad_signature', "$name - no such key");


=== TEST 2: what names no key verifies with each of them
--- http_config eval: fault('ok')
--- config eval: $main::config->('unnamed', 1, 2, 3)
--- script
is(main::verdict_of(main::with($_, names => undef)), 'ok', "$name - $_")
    for 1 .. 3;
is(main::verdict_of(main::with(4, names => undef)), 'bad_signature',
    "$name - no such key");


=== TEST 3: what names one key and is signed by another is refused
--- http_config eval: fault('ok')
--- config eval: $main::config->('named', 1, 2, 3)
--- script
for my $signed (1 .. 4) {
    for my $named (1 .. 4) {
        # A key that is not in the file is named by nobody.
        my $good = $signed < 4 && ($named == $signed || $named == 4);
        is(main::verdict_of(main::with($signed, names => main::key($named))),
            $good ? 'ok' : 'bad_signature',
            "$name - signed by $signed, names $named");
    }
}


=== TEST 4: sixteen keys, the last of them as the first
--- http_config eval: fault('ok')
--- config eval: $main::config->('sixteen', 1 .. 16)
--- script
for my $n (1 .. 16) {
    is(main::verdict_of(main::with($n)), 'ok', "$name - $n");
    is(main::verdict_of(main::with($n, names => undef)), 'ok',
        "$name - $n, not named");
    is(main::verdict_of(main::with($n, format => 1)), 'ok', "$name - $n, V1");
    is(main::verdict_of('Macaroon: ' . hex_credential(
        key => main::key($n), names => main::key($n))), 'ok',
        "$name - $n, in hex");
}
is(main::verdict_of(main::with(17)), 'bad_signature', "$name - 17");
is(main::minting(1 .. 16), 1, "$name - the first mints");


=== TEST 5: one more is refused, and leaves what there is in force
--- http_config eval: fault('ok')
--- config eval: $main::config->('seventeen', 1 .. 16)
--- script
main::write_keys('seventeen', 1 .. 17);
eval { reload() };
like($@, qr/l402_key_file: ".*": more than 16 keys/, "$name - not taken");
is(main::verdict_of(main::with(16)), 'ok', "$name - the old ones");
is(main::verdict_of(main::with(17)), 'bad_signature', "$name - not the new");
--- allow_emerg


=== TEST 6: rotation, step by step
--- http_config eval: fault('ok')
--- config eval: $main::config->('rotated', 1)
--- script
my $sold = sub ($n) { made_good(connection()->get('/'), main::key($n)) };
my $first = $sold->(1);
is(main::verdict_of($first), 'ok', "$name - before");

main::write_keys('rotated', 2, 1);
reload();
is(main::minting(1, 2), 2, "$name - the new one mints");
is(main::verdict_of($first), 'ok', "$name - what the old one has signed");
my $second = $sold->(2);
is(main::verdict_of($second), 'ok', "$name - what the new one has");

# The old one's tokens end with it; nobody is stuck.
main::write_keys('rotated', 2);
reload();
my $r = connection()->get('/', $first);
is(verdict($r), 'bad_signature', "$name - without the old one");
ok(offer($r)->{field}, "$name - a challenge");
is(main::verdict_of($second), 'ok', "$name - the new one's stay");

# Put back, they are good again: nothing else was kept of them.
main::write_keys('rotated', 3, 2, 1);
reload();
is(main::verdict_of($_), 'ok', "$name - put back") for $first, $second;
is(main::minting(1, 2, 3), 3, "$name - the third mints");


=== TEST 7: a connection that is kept over it
--- http_config eval: fault('ok')
--- config eval: $main::config->('kept', 1)
--- script
my $c = connection();
my $first = main::with(1);
is(verdict($c->get('/', $first)), 'ok', "$name - before");
main::write_keys('kept', 2, 1);
reload();
# An idle connection is closed by its worker, and the next one is the new's.
my $r = $c->get('/', $first);
is($r ? verdict($r) : main::verdict_of($first), 'ok', "$name - after");


=== TEST 8: not one customer is refused while keys are rotated
--- http_config eval: fault('ok')
--- config eval: $main::config->('busy', 1)
--- script
# Another process asks without a pause and writes down every answer; each key
# stays in the file for as long as it asks.
my $file = write_secret('answers', '');
my $field = main::with(1);
my $parent = $$;
my $customer = fork() // die "fork: $!";
if ($customer == 0) {
    require POSIX;
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    open my $out, '>', $file;
    until ($stop || getppid != $parent) {
        my $word = eval { main::verdict_of($field) } // "died: $@";
        print $out "$word\n";
    }
    close $out;
    POSIX::_exit(0);
}
my @keys = 1;
for my $n (2 .. 6) {
    unshift @keys, $n;
    main::write_keys('busy', @keys);
    reload();
    is(main::minting(@keys), $n, "$name - $n mints");
    my $fresh = made_good(connection()->get('/'), main::key($n));
    is(main::verdict_of($fresh), 'ok', "$name - $n - opens");
}
kill TERM => $customer;
waitpid $customer, 0;
my %said;
open my $in, '<', $file;
chomp, $said{$_}++ while <$in>;
is(join(' ', sort keys %said), 'ok', "$name - every answer");
ok($said{ok} > 20, "$name - of $said{ok}");


=== TEST 9: a reload with a key file that is no good keeps the old keys
--- http_config eval: fault('ok')
--- config eval: $main::config->('bad', 1, 2)
--- script
write_secret('bad', main::key(3) . "\n" . 'x' x 64 . "\n");
eval { reload() };
like($@, qr/line 2 is not hex/, "$name - not taken");
my $three = main::key(3);
unlike(error_log(), qr/$three/, "$name - but no key");
is(main::verdict_of(main::with($_)), 'ok', "$name - $_") for 1, 2;
is(main::verdict_of(main::with(3)), 'bad_signature', "$name - 3");
--- allow_emerg
