# l402_bind address: a token is good for the client that bought it, as nginx
# itself knows it. The other words are in bind_host.t and bind_path.t.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our $socket = "$Test::Nginx::Util::ServRoot/client.sock";

our $sold = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    l402_valid_for off;
END

our $config = <<"END";
    $sold
    location / { l402_bind address; $upstream }
    location /real {
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        l402_bind address;
        $upstream
    }
    location /forwarded {
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        l402_bind address;
        $upstream
    }
    location /off { l402_bind off; $upstream }
END

# Another port, another kind of client: `listen` says which.
sub server ($listen, $more = '') {
    return fault('ok') . <<"END";
    server {
        listen $listen;
        $sold
        l402_bind address;
        location / { $more $upstream }
        location /peer { $upstream }
    }
END
}

our @spoofs = ('X-Forwarded-For', 'X-Real-IP', 'X-Client-IP', 'Client-IP',
    'True-Client-IP', 'CF-Connecting-IP', 'X-Cluster-Client-IP', 'Remote-Addr');

sub bound ($address) { "services=weather:0 | client_address=$address" }

sub with (@append) {
    return 'Authorization: '
        . credential(valid_for => undef, append => \@append);
}

sub has_ipv6 {
    return IO::Socket::IP->new(Listen => 1, LocalHost => '::1') ? 1 : 0;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: address: the one that has bought it, whatever headers say
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my ($c, $other) = (connection(), connection(undef, from => '127.0.0.2'));
my $r = $c->get('/');
is(minted($r), main::bound('127.0.0.1'), "$name - minted");
my $field = made_good($r);
is(verdict($c->get('/', $field)), 'ok', "$name - opens");
is(verdict(connection()->get('/', $field)), 'ok', "$name - from any port");
is(verdict($other->get('/', $field)), 'caveat_refused', "$name - another's");
is(minted($other->get('/')), main::bound('127.0.0.2'), "$name - its own");
# It is enforced where the location says nothing of it, too.
is(verdict($c->get('/off', $field)), 'ok', "$name - elsewhere");
is(verdict($other->get('/off', $field)), 'caveat_refused',
    "$name - another's elsewhere");

for my $header (@main::spoofs) {
    is(minted($c->get('/', "$header: 203.0.113.7")), main::bound('127.0.0.1'),
        "$name - $header - minted");
    is(verdict($other->get('/', $field, "$header: 127.0.0.1")),
        'caveat_refused', "$name - $header - another's");
    is(verdict($c->get('/', $field, "$header: 127.0.0.2")), 'ok',
        "$name - $header - opens");
}
is(verdict($other->get('/', $field, 'Forwarded: for=127.0.0.1')),
    'caveat_refused', "$name - Forwarded");


=== TEST 2: behind a proxy: what realip makes of it
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my ($c, $other) = (connection(), connection(undef, from => '127.0.0.2'));
for (['203.0.113.7', '203.0.113.7'], ['203.0.113.7:80', '203.0.113.7'],
     ['2001:DB8:0:0::1', '2001:db8::1'], ['[2001:db8::2]:80', '2001:db8::2'],
     ['::ffff:203.0.113.7', '::ffff:203.0.113.7'],
     ['nonsense', '127.0.0.1'], ['', '127.0.0.1'])
{
    my ($sent, $address) = @$_;
    my @sent = "X-Real-IP: $sent";
    my $r = $c->get('/real', @sent);
    is(minted($r), main::bound($address), "$name - '$sent' - minted");
    is(verdict($c->get('/real', made_good($r), @sent)), 'ok',
        "$name - '$sent' - opens");
    is(verdict($c->get('/real', made_good($r), 'X-Real-IP: 203.0.113.8')),
        'caveat_refused', "$name - '$sent' - another's");
}
# Of somebody who is no proxy of ours it says nothing.
my $field = made_good($c->get('/real', 'X-Real-IP: 203.0.113.7'));
is(verdict($other->get('/real', $field, 'X-Real-IP: 203.0.113.7')),
    'caveat_refused', "$name - of a stranger");
is(minted($other->get('/real', 'X-Real-IP: 203.0.113.7')),
    main::bound('127.0.0.2'), "$name - of a stranger - minted");


=== TEST 3: a chain of proxies: the last that is not trusted
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
my $forwarded = sub ($list, @more) {
    return $c->get('/forwarded', "X-Forwarded-For: $list", @more);
};
my $r = $forwarded->('192.0.2.1, 203.0.113.7, 127.0.0.1');
is(minted($r), main::bound('203.0.113.7'), "$name - minted");
my $field = made_good($r);
is(verdict($forwarded->('203.0.113.7', $field)), 'ok', "$name - opens");
is(verdict($forwarded->('192.0.2.1, 203.0.113.7', $field)), 'ok',
    "$name - behind what it claims itself");
is(verdict($forwarded->('203.0.113.7, 192.0.2.1', $field)), 'caveat_refused',
    "$name - claimed by another");


=== TEST 4: networks that a holder names
--- http_config eval: fault('ok')
--- config eval: $main::config
--- script
my $c = connection();
for (['203.0.113.0/24', '203.0.113.0 203.0.113.255',
         '203.0.112.255 2001:db8::1'],
     ['203.0.113.128/25', '203.0.113.128', '203.0.113.127'],
     ['203.0.113.7/24', '203.0.113.9', '203.0.114.7'],
     ['203.0.113.7/32', '203.0.113.7', '203.0.113.6'],
     ['0.0.0.0/0', '203.0.113.7 ::ffff:203.0.113.7', '2001:db8::1'],
     ['::/0', '203.0.113.7 2001:db8::1', ''],
     ['2001:db8:1::/48', '2001:db8:1:ffff::9', '2001:db8:2::9 203.0.113.7'],
     ['2001:db8::8/125', '2001:db8::f', '2001:db8::7 2001:db8::10'],
     ['203.0.113.7,2001:db8::/32', '203.0.113.7 2001:db8:9::', '203.0.113.8'],
     ['::ffff:203.0.113.7', '203.0.113.7', '203.0.113.8'],
     ['::ffff:203.0.113.0/120', '203.0.113.9', '203.0.114.9'],
     ['unix:', '', '203.0.113.7 2001:db8::1 ::1'])
{
    my ($list, $in, $out) = @$_;
    my $field = main::with("client_address=$list");
    for my $case (map([$_, 'ok'], split / /, $in),
                  map([$_, 'caveat_refused'], split / /, $out)) {
        my ($address, $word) = @$case;
        is(verdict($c->get('/real', $field, "X-Real-IP: $address")), $word,
            "$name - $list - $address");
    }
}


=== TEST 5: the PROXY protocol
--- http_config eval
main::server('127.0.0.1:$TEST_NGINX_STREAM_PORT proxy_protocol',
    'set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;')
--- config
--- script
my $from = sub ($line, $path, @fields) {
    my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
    $c->send("PROXY $line\r\n");
    return $c->get($path, @fields);
};
my ($client, $other) = map { "TCP4 $_ 127.0.0.1 9 80" }
    '203.0.113.7', '203.0.113.8';
my $field = made_good($from->($client, '/'));
is(minted($from->($client, '/')), main::bound('203.0.113.7'),
    "$name - minted");
is(verdict($from->($client, '/', $field)), 'ok', "$name - opens");
is(verdict($from->($other, '/', $field)), 'caveat_refused',
    "$name - another's");
is(verdict($from->($other, '/', $field, 'X-Forwarded-For: 203.0.113.7')),
    'caveat_refused', "$name - another's, with a header");
is(minted($from->('TCP6 2001:db8::1 ::1 9 80', '/')),
    main::bound('2001:db8::1'), "$name - IPv6");
# Without realip it is the proxy's connection.
is(minted($from->($client, '/peer')), main::bound('127.0.0.1'),
    "$name - without realip");


=== TEST 6: a unix socket's clients have no address
--- http_config eval: main::server("unix:$main::socket")
--- config eval
$main::sold . "location / { l402_bind address; $main::upstream }"
--- script
my $c = connection("unix:$main::socket");
my $r = $c->get('/');
is(minted($r), main::bound('unix:'), "$name - minted");
my $field = made_good($r);
is(verdict($c->get('/', $field)), 'ok', "$name - opens");
is(verdict(connection()->get('/', $field)), 'caveat_refused',
    "$name - not over the network");
is(verdict($c->get('/', main::with("client_address=$_"))), 'caveat_refused',
    "$name - $_") for '127.0.0.1', '0.0.0.0/0', '::/0', '';
is(verdict($c->get('/', main::with('client_address=127.0.0.1,unix:'))), 'ok',
    "$name - one of two");


=== TEST 7: a unix socket that a proxy speaks to
--- http_config eval
main::server("unix:$main::socket",
    'set_real_ip_from unix:; real_ip_header X-Real-IP;')
--- config
--- script
my $c = connection("unix:$main::socket");
is(minted($c->get('/', 'X-Real-IP: 203.0.113.7')), main::bound('203.0.113.7'),
    $name);


=== TEST 8: IPv6, or where a machine has none, what stands in for it
--- http_config eval
main::server(main::has_ipv6() ? '[::1]:$TEST_NGINX_STREAM_PORT'
                              : '127.0.0.1:$TEST_NGINX_STREAM_PORT')
--- config eval: $main::config
--- script
my $address = main::has_ipv6() ? '::1' : '127.0.0.1';
my $c = connection($ENV{TEST_NGINX_STREAM_PORT}, to => $address);
my $r = $c->get('/');
is(minted($r), main::bound($address), "$name - minted");
is(verdict($c->get('/', made_good($r))), 'ok', "$name - opens");
is(verdict($c->get('/', main::with('client_address=10.0.0.0/8'))),
    'caveat_refused', "$name - another's");
