# The address in $l402_unpaid_client is that of $binary_remote_addr: what
# nginx takes for the client's, also where a proxy stands in between.

use v5.36;
use lib 't/lib';
use Socket qw(inet_pton AF_INET AF_INET6);
use Test::Nginx::Socket 'no_plan';
use L402;
use L402::Log;

our $upstream = 'proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;';
our $socket = "$Test::Nginx::Util::ServRoot/client.sock";

our $sold = <<'END';
    l402 weather;
    l402_price 10sat;
    l402_invoice_from fault_ok;
    set $early $l402_unpaid_client;
END

# The last two are equal for a request that is not let in.
our $http = fault('ok')
    . access_log('$early $l402_unpaid_client $binary_remote_addr');

sub server ($listen, $more = '') {
    return $main::http
        . "server { listen $listen; $main::sold $more
           location / { $upstream } }";
}

# As a log has it.
sub binary ($text) {
    my $bytes = $text eq 'unix:' ? $text
        : inet_pton($text =~ /:/ ? AF_INET6 : AF_INET, $text);
    return $bytes =~ s/([^ !#-\[\]-~])/sprintf '\\x%02X', ord $1/ger;
}

sub logs ($name, $early, $late) {
    is(logged(), join(' ', map { main::binary($_) } $early, $late, $late),
        $name);
}

sub has_ipv6 {
    return IO::Socket::IP->new(Listen => 1, LocalHost => '::1') ? 1 : 0;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the connection's, whatever headers say
--- http_config eval: $main::http
--- config eval: "$main::sold location / { $main::upstream }"
--- script
fresh_log();
for my $from ('127.0.0.1', '127.0.0.2') {
    my $c = connection(undef, from => $from);
    $c->get('/', 'X-Forwarded-For: 203.0.113.7', 'X-Real-IP: 203.0.113.8');
    main::logs("$name - $from", $from, $from);
    $c->get('/', 'Authorization: ' . credential());
    is(logged(), ' - ' . main::binary($from), "$name - $from, paid");
}


=== TEST 2: of a unix socket: as $binary_remote_addr, the text "unix:"
--- http_config eval: main::server("unix:$main::socket")
--- config
--- script
fresh_log();
connection("unix:$main::socket")->get('/');
main::logs($name, 'unix:', 'unix:');


=== TEST 3: IPv6, or where a machine has none, what stands in for it
--- http_config eval
main::server(main::has_ipv6() ? '[::1]:$TEST_NGINX_STREAM_PORT'
                              : '127.0.0.1:$TEST_NGINX_STREAM_PORT')
--- config
--- script
my $address = main::has_ipv6() ? '::1' : '127.0.0.1';
fresh_log();
connection($ENV{TEST_NGINX_STREAM_PORT}, to => $address)->get('/');
main::logs($name, $address, $address);


=== TEST 4: realip of the server: known before the first rewrite
--- http_config eval
main::server('127.0.0.1:$TEST_NGINX_STREAM_PORT', <<'END')
set_real_ip_from 127.0.0.1;
real_ip_header X-Forwarded-For;
real_ip_recursive on;
END
--- config
--- script
fresh_log();
my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
for (['203.0.113.7', '203.0.113.7'], ['2001:db8::1', '2001:db8::1'],
     ['192.0.2.1, 203.0.113.7, 127.0.0.1', '203.0.113.7'],
     ['nonsense', '127.0.0.1'])
{
    my ($sent, $address) = @$_;
    $c->get('/', "X-Forwarded-For: $sent");
    main::logs("$name - $sent", $address, $address);
}
my $other = connection($ENV{TEST_NGINX_STREAM_PORT}, from => '127.0.0.2');
$other->get('/', 'X-Forwarded-For: 203.0.113.7');
main::logs("$name - of a stranger", '127.0.0.2', '127.0.0.2');


=== TEST 5: realip of a location: from the preaccess phase on
--- http_config eval: $main::http
--- config eval
<<"END";
    $main::sold
    set_real_ip_from 127.0.0.9;
    location / {
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        set \$early \$l402_unpaid_client;
        $main::upstream
    }
END
--- script
fresh_log();
my $c = connection();
$c->get('/', 'X-Real-IP: 203.0.113.7');
is(logged() =~ s/^\S+ //r,
    join(' ', (main::binary('203.0.113.7')) x 2), $name);


=== TEST 6: a decision for another address is dropped
--- http_config eval
fault('ok') . "limit_req_zone \$l402_unpaid_client zone=unpaid:1m rate=1r/m;"
    . main::access_log('$early $limit_req_status $l402_unpaid_client')
--- config eval
<<"END";
    location / {
        set_real_ip_from 127.0.0.1;
        real_ip_header X-Real-IP;
        limit_req zone=unpaid;
        limit_req_dry_run on;
        $main::sold
        $main::upstream
    }
END
--- script
# In the rewrite phase the client is the proxy.
fresh_log();
my $c = connection();
my $bound = sub ($address) {
    return 'Authorization: '
        . credential(append => ["client_address=$address"]);
};
my ($proxy, $client) = map { main::binary($_) } '127.0.0.1', '203.0.113.7';
for (['203.0.113.7', 200, "$proxy - -"],
     ['127.0.0.1', 402, " PASSED $client"],
     ['203.0.113.8', 402, "$proxy REJECTED_DRY_RUN $client"])
{
    my ($address, $status, $line) = @$_;
    my $r = $c->get('/', $bound->($address), 'X-Real-IP: 203.0.113.7');
    is($r->{status}, $status, "$name - $address");
    is(logged(), $line, "$name - $address - log");
}


=== TEST 7: the PROXY protocol
--- http_config eval
main::server('127.0.0.1:$TEST_NGINX_STREAM_PORT proxy_protocol',
    'set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;')
--- config
--- script
fresh_log();
for (['TCP4 203.0.113.7 127.0.0.1 9 80', '203.0.113.7'],
     ['TCP6 2001:db8::1 ::1 9 80', '2001:db8::1'], ['UNKNOWN', '127.0.0.1'])
{
    my ($line, $address) = @$_;
    my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
    $c->send("PROXY $line\r\n");
    $c->get('/');
    main::logs("$name - $line", $address, $address);
}


=== TEST 8: limit_req counts each address by itself
--- http_config eval
"limit_req_zone \$l402_unpaid_client zone=unpaid:1m rate=1r/m;"
    . main::server('127.0.0.1:$TEST_NGINX_STREAM_PORT',
        'set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP;
        limit_req zone=unpaid; limit_req_status 429;')
--- config
--- script
my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
my @statuses = map { $c->get('/', "X-Real-IP: $_")->{status} }
    qw(203.0.113.7 203.0.113.7 203.0.113.8 203.0.113.8 2001:db8::1
       2001:db8::2 2001:db8::1 203.0.113.7);
is("@statuses", '402 429 402 429 402 402 429 429', $name);
