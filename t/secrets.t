# No macaroon, preimage, key or node credential in any line that this module
# writes, at any level. nginx's own debug lines show request headers; they are
# told apart by our prefix, and at info nothing at all shows a secret.

use v5.36;
use lib 't/lib';
use IO::Socket::INET;
use JSON::PP qw(encode_json);
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::Nginx::Socket 'no_plan';
use L402;

my $node_macaroon = do {
    local (@ARGV, $/) = env('L402_NODE_MACAROON');
    <>;
};
our $node_hex = unpack 'H*', $node_macaroon;

# Short enough to pass for a word.
our $short_credential = '0201abcdef';
my $short_file = write_secret('short', $short_credential);

# A node that tells everybody what it was told. The path says in which form.
my %echo = (
    message => sub ($hex) { encode_json({ code => 2,
        message => "cannot verify macaroon $hex, is \U$hex\E right?" }) },
    base64 => sub ($hex) { encode_json({ code => 2,
        message => 'bad macaroon: ' . encode_base64(pack('H*', $hex), '') }) },
    lines => sub ($hex) { encode_json({ code => 2,
        message => "no\n[error] l402: $hex\r\nno" }) },
    text => sub ($hex) { "cannot verify $hex" },
    empty => sub ($hex) { '' },
);

sub echo_node () {
    my $listener = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1') or die "echo: $!\n";
    my $parent = $$;
    my $pid = fork() // die "echo: $!\n";
    return ($listener->sockport, $pid) if $pid;

    require POSIX;
    $SIG{TERM} = sub { POSIX::_exit(0) };
    $SIG{PIPE} = 'IGNORE';
    while (my $client = $listener->accept) {
        my $request = '';
        sysread $client, $request, 65536, length $request
            or last until $request =~ /\r\n\r\n.*\}/s;
        my ($form) = $request =~ m{^POST /(\w+)/};
        my ($hex) = $request =~ /^Grpc-Metadata-macaroon: (\w+)/mi;
        my $body = $echo{$form}->($hex);
        my $status = $request =~ m{^POST /\w+/200/} ? 200 : 500;
        syswrite $client, "HTTP/1.1 $status $hex\r\nX-Was: $hex\r\n"
            . 'Content-Length: ' . length($body)
            . "\r\nConnection: close\r\n\r\n$body";
        close $client;
    }
    POSIX::_exit(0);
}

my ($echo_port, $echo_pid) = echo_node();
END {
    if ($echo_pid) {
        local $?;
        kill TERM => $echo_pid;
        waitpid $echo_pid, 0;
    }
}

sub echo_services () {
    my $all = '';
    for my $form (sort keys %echo) {
        for my $status (200, 500) {
            my $service = service("echo_${form}_$status",
                url => "http://127.0.0.1:$echo_port/$form/$status");
            $all .= $service;
            $service =~ s/echo_/short_/;
            $service =~ s/(credential_file) \S+;/$1 $short_file;/;
            $all .= $service;
        }
    }
    return $all;
}

sub echo_names () {
    return map { my $form = $_; map { ("echo_${form}_$_", "short_${form}_$_") }
        200, 500 } sort keys %echo;
}

my @nodes = (qw(fault_close fault_half fault_s401 fault_s404 fault_s500
    fault_empty fault_garbage fault_huge fault_amount fault_hash fault_network
    fault_expired dead), echo_names());

our $http = echo_services() . service('dead', url => 'http://127.0.0.1:1');
our $config = join '', <<'END', map { <<"NODE" } @nodes;
    location / {
        l402 weather;
        l402_price 1sat;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /401/ { l402 weather; l402_price 1sat; l402_invalid_status 401; }
    location /passed/ {
        l402 weather;
        l402_price 1sat;
        l402_pass_credential on;
        proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
    }
    location /price/ { l402 other; l402_price $arg_p; }
    location /return/ { l402 weather; l402_price 1sat; return 200 "x"; }
END
    location /$_/ {
        l402 weather;
        l402_price 1sat;
        l402_invoice_from $_;
    }
NODE

# Every text in which a secret could show itself.
sub forms (@macaroons) {
    return map {
        (encode_base64($_, ''), encode_base64($_, '') =~ tr{+/}{-_}r,
         unpack('H*', $_), unpack('H*', substr $_, -32))
    } @macaroons;
}

# Sends what is good, bad and malformed, and asks failing nodes. Returns the
# secrets that were in it.
sub provoke ($name) {
    my $c = connection();
    my @made;
    my $make = sub (%with) { push @made, mint(%with); return $made[-1] };
    my $send = sub ($field, @paths) { $c->get($_, $field) for @paths };

    for my $m ($make->(), $make->(format => 1), $make->(key => '5f' x 32),
        $make->(payment_hash => '0f' x 32), $make->(valid_for => -1),
        $make->(service => 'tides'), $make->(append => ['preimage=x']),
        $make->(caveats => []), $make->(version => 3))
    {
        my ($t, $p) = $m->@{qw(base64 preimage)};
        $send->("Authorization: $m->{authorization}", qw(/ /401/ /passed/
            /return/ /price/?p=x));
        $send->("Authorization: L402 $t,$t:$p", '/');
        # Not to be read, but still somebody's money.
        $send->("Authorization: L402 $_", '/', '/401/')
            for $t, ":$p", "$t:$p$p", "$t:${p}x", "$t$t:$p", "$t!:$p";
        $send->("Macaroon: $_", '/')
            for unpack('H*', $m->{macaroon}), $t, "$t:$p";
        $send->("Grpc-Metadata-Macaroon: $_", '/')
            for unpack 'H*', $m->{macaroon};
    }
    my $hex = hex_credential(preimage => 'e7' x 32);
    $send->("Macaroon: $hex", '/', '/passed/');

    # And what we hand out ourselves: paid, and used.
    my $r = $c->get('/');
    my $bought = buy($r->{headers}{'www-authenticate'}[0]);
    is($c->get('/', "Authorization: $bought->{authorization}")->{status}, 200,
        "$name - bought");
    is($c->get("/$_/")->{status}, 503, "$name - $_") for @nodes;

    return grep { length } test_key(), '5f' x 32, 'e7' x 32,
        $hex, $node_hex, forms($node_macaroon),
        $short_credential,
        $bought->{preimage}, forms(decode_base64($bought->{macaroon})),
        map { ($_->{preimage}, forms($_->{macaroon})) } @made;
}

# The secrets that stand in `text`; of each as much as is one.
sub shown ($text, @secrets) {
    return grep { index(lc $text, lc substr $_, 0, 48) >= 0 } @secrets;
}

sub our_lines () {
    return grep { /\] \d+#\d+: (?:\*\d+ )?l402/ } split /\n/, error_log();
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: at debug, in our lines
--- http_config eval: $main::http
--- config eval: $main::config
--- log_level: debug
--- script
my @secrets = provoke($name);
my @lines = our_lines();
ok(@lines > 50, "$name - " . @lines . ' lines of ours');
ok(shown(error_log(), @secrets) > 10,
    "$name - nginx's own show secrets: they would be found");
is(CORE::join("\n", shown(CORE::join("\n", @lines), @secrets)), '',
    "$name - ours show none");


=== TEST 2: at info, anywhere
--- http_config eval: $main::http
--- config eval: $main::config
--- log_level: info
--- script
my @secrets = provoke($name);
ok(our_lines() > 50, "$name - lines of ours");
is(CORE::join("\n", shown(error_log(), @secrets)), '', "$name - none");
unlike(error_log(), qr/^\[error\]/m, "$name - no line of the node's own");


=== TEST 3: a long word of a node's answer is not repeated, its sense is
--- http_config eval: $main::http
--- config eval: $main::config
--- log_level: debug
--- script
my $c = connection();
$c->get("/$_/") for qw(echo_message_500 short_message_500);
my ($long, $short) = grep { /no invoice from/ } our_lines();
like($long, qr/answered 500: cannot verify macaroon \*\*\*, is \*\*\* right/,
    "$name - long");
like($short, qr/answered 500: cannot verify macaroon \*\*\*, is \*\*\* right/,
    "$name - short");


=== TEST 4: while nginx starts
--- http_config eval: $main::http
--- config eval: $main::config
--- log_level: debug
--- script
is(CORE::join("\n", shown(error_log(), test_key(), $main::node_hex,
    $main::short_credential)), '', $name);
