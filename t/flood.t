# conf-examples/flood.conf, line by line but for addresses and files: a flood
# makes few invoices, and others do not notice.

use v5.36;
use lib 't/lib';
use Time::HiRes qw(time);
use Test::Nginx::Socket 'no_plan';
use L402;

# What is inside of http{}, with the invoice service `node` as it is told.
sub example ($node) {
    open my $in, '<', 'conf-examples/flood.conf' or die "flood.conf: $!";
    local $/;
    my ($text) = <$in> =~ /^http \{\n(.*)^\}\n\z/ms or die "no http {}\n";
    my $keys = key_file();
    for (['/etc/nginx/l402/keys', $keys],
         ['10.0.0.1;', '127.0.0.1;'],
         [' 8080;', ' 127.0.0.1:$TEST_NGINX_STREAM_PORT;'],
         ['127.0.0.1:9000', '127.0.0.1:$TEST_NGINX_BACKEND_PORT'])
    {
        my ($from, $to) = @$_;
        $text =~ s/\Q$from\E/$to/g == 1 or die "$from is not there once\n";
    }
    $text =~ s/^ +l402_invoice_service node \{.*?\n    \}\n/$node/ms
        or die "no invoice service\n";
    return $text;
}

# What the example says: r/s, and how many beside the first at once.
our ($rate, $burst) = example('') =~
    /zone=unpaid:\w+ +rate=(\d+)r\/s;.*zone=unpaid +burst=(\d+) +nodelay;/s
    or die "no limit\n";

sub client ($address) {
    my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
    return sub (@fields) {
        return $c->get('/weather/', "X-Forwarded-For: $address", @fields);
    };
}

# The statuses of one request from each.
sub statuses (@addresses) {
    return join ' ', map { client($_)->()->{status} } @addresses;
}

# Uses up what an address, or its network, may have at once.
sub use_up ($address) {
    my $get = client($address);
    $get->() for 0 .. $burst;
    return $get->()->{status} == 429;
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a flood from one address, and a customer who buys meanwhile
--- bare_http_config
--- http_config eval: main::example(service('node'))
--- config
--- script
my ($before, $start) = (invoices_made(), time);
my (@others, %statuses);
my $customer = main::client('203.0.113.8');
my $flood = sub ($times) {
    # A connection may have 1000 requests.
    for (1 .. $times / 500) {
        my $get = main::client('203.0.113.7');
        for (1 .. 500) {
            my $r = $get->();
            $statuses{$r->{status}}++;
            push @others, $r->{head} if $r->{status} == 429
                && $r->{head} !~ /^Retry-After: 1\r?$/m;
        }
    }
};
$flood->(1500);
my $r = $customer->();
is($r->{status}, 402, "$name - another address is challenged at once");
my $paid = 'Authorization: '
    . buy($r->{headers}{'www-authenticate'}[0])->{authorization};
$flood->(1500);
is($customer->($paid)->{status}, 200, "$name - and has bought");
is(main::client('203.0.113.7')->($paid)->{status}, 200,
    "$name - a token opens from the address that floods, too");
my $made = invoices_made() - $before - 1;
# limit_req lets one in, and `burst` more.
my $most = 1 + $main::burst + $main::rate * (time - $start);
ok($made <= $most, "$name - $made invoices, at most $most");
ok($made > $main::burst, "$name - no less than the burst");
is_deeply(\%statuses, { 402 => $made, 429 => 3000 - $made },
    "$name - all else is 429");
is("@others", '', "$name - with Retry-After");


=== TEST 2: who has paid is not limited
--- bare_http_config
--- http_config eval: main::example(service('node'))
--- config
--- script
ok(main::use_up('203.0.113.7'), "$name - the limit is reached");
my $paid = 'Authorization: ' . credential();
my %statuses;
for (1 .. 4) {
    my $get = main::client('203.0.113.7');
    $statuses{$get->($paid)->{status}}++ for 1 .. 250;
}
is_deeply(\%statuses, { 200 => 1000 }, $name);
--- backend: 1000


=== TEST 3: IPv6: a network has the limit, and not each of its addresses
--- bare_http_config
--- http_config eval
main::example(service('node', url => env('L402_FAULT_URL') . "/ok-t$$"))
--- config
--- script
ok(main::use_up('2001:db8:0:1::1'), "$name - the limit is reached");
is(main::statuses(qw(2001:db8:0:1::2 2001:db8:0:1:ffff:ffff:ffff:ffff
    2001:db8:0:1:a0a:a0a:a0a:a0a 2001:db8:0:1::)), '429 429 429 429',
    "$name - for all of it");
is(main::statuses(qw(2001:db8:0:2::1 2001:db8:1:1::1 2001:db8::1 ::1
    203.0.113.7)), '402 402 402 402 402', "$name - and for no other");
# Bytes that mean something to a regular expression.
ok(main::use_up('a0a:a00:0:a0a::a'), "$name - line breaks and zeros");
is(main::statuses(qw(a0a:a00:0:a0a:a0a:a0a:a0a:a0a a0a:a00:0:a0b::a)),
    '429 402', "$name - line breaks and zeros, its network");
# IPv4 at a socket for both.
ok(main::use_up('::ffff:203.0.113.10'), "$name - IPv4 within IPv6");
is(main::statuses(qw(::ffff:203.0.113.10 ::ffff:203.0.113.11 203.0.113.10)),
    '429 402 429', "$name - IPv4 within IPv6, each address");
is(main::statuses('10.10.10.10'), '402', "$name - IPv4 line breaks");
ok(main::use_up('10.10.10.10'), "$name - IPv4 line breaks, the limit");
is(main::statuses('10.10.10.11'), '402', "$name - IPv4, another");


=== TEST 4: a slow node: no client holds more than its share of the calls
--- bare_http_config
--- http_config eval
main::example(service('node', url => env('L402_FAULT_URL') . "/hang-t$$",
    more => 'timeout 3s;'))
--- config
--- script
my $calls = fault_calls('hang');
my $ask = sub ($address) {
    my $c = connection($ENV{TEST_NGINX_STREAM_PORT});
    $c->send("GET /weather/ HTTP/1.1\r\nHost: localhost\r\n"
        . "X-Forwarded-For: $address\r\n\r\n");
    return $c;
};
my @waiting = map { $ask->('203.0.113.7') } 1 .. 5;
for (1 .. 100) {
    last if fault_calls('hang') == $calls + 5;
    select undef, undef, undef, 0.02;
}
is(fault_calls('hang') - $calls, 5, "$name - five wait");
my $r = $ask->('203.0.113.7')->read;
is($r->{status}, 429, "$name - not the sixth");
is($r->{headers}{'retry-after'}[0], 1, "$name - Retry-After");
push @waiting, $ask->('203.0.113.8');
for (1 .. 100) {
    last if fault_calls('hang') == $calls + 6;
    select undef, undef, undef, 0.02;
}
is(fault_calls('hang') - $calls, 6, "$name - another client's is asked for");
is(join(' ', map { $_->read->{status} } @waiting), '503 503 503 503 503 503',
    "$name - and all are answered");
