# gRPC reads its status from headers: HTTP 200, and the challenge beside it.

use v5.36;
use lib 't/lib';
use IO::Socket::INET;
use IPC::Open3;
use Test::Nginx::Socket 'no_plan';
use L402;

# A port that nobody has, for HTTP/2 in the clear.
my $h2 = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
our $port = $h2->sockport;
undef $h2;

our $server = <<"END";
    server {
        listen 127.0.0.1:$port http2;
        location / { l402 weather; l402_price 1sat; }
        location /price { l402 other; l402_price \$arg_p; }
        location /down { l402 weather; l402_price 1sat;
            l402_invoice_from fault_s500; }
    }
END

# What nghttp shows of one exchange: names and values of the response's
# HEADERS frames, the kinds of frames, and the flags of the last one.
sub nghttp ($path, @more) {
    my $pid = open3(my $in, my $out, undef, qw(timeout 20 nghttp -nv
        --no-dep), @more, "http://127.0.0.1:$port$path");
    close $in;
    my ($stream, %r) = ('', frames => []);
    while (my $line = <$out>) {
        $line =~ s/\e\[[\d;]*m//g;
        # What was sent is of no interest.
        if ($line =~ /\] (send|recv) (?:\(stream_id=(\d+)\) )?(.*)/) {
            $stream = $1;
            next if $1 eq 'send';
            my ($id, $rest) = ($2, $3);
            if ($id && $rest =~ /^([:\w-]+): (.*)/) {
                $r{headers}{$1} = $2;
            } elsif ($rest =~ /^(HEADERS|DATA) frame.*flags=0x(\w+)/) {
                push $r{frames}->@*, $1;
                $r{flags} = hex $2;
            }
        }
    }
    waitpid $pid, 0;
    return \%r;
}

sub grpc ($path, @more) {
    return nghttp($path, '-H', 'content-type: application/grpc',
        '-H', 'te: trailers', @more);
}

# A message in a body, as clients send it.
sub message () {
    state $file = write_secret('message', "\0\0\0\0\5hello");
    return ('-d', $file);
}

no_root_location();
no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: over HTTP/2: headers alone, and they end the stream
--- http_config eval: $main::server
--- config
--- script
my $r = grpc('/x');
is($r->{headers}{':status'}, 200, "$name - HTTP 200");
is($r->{headers}{'grpc-status'}, 13, "$name - grpc-status");
is($r->{headers}{'grpc-message'}, 'payment required', "$name - grpc-message");
is($r->{headers}{'content-type'}, 'application/grpc', "$name - type");
is($r->{headers}{'cache-control'}, 'no-store', "$name - no-store");
ok(parse_challenge($r->{headers}{'www-authenticate'}), "$name - challenge");
is(join(' ', $r->{frames}->@*), 'HEADERS', "$name - one frame");
is($r->{flags} & 1, 1, "$name - END_STREAM");
--- invoices: 1


=== TEST 2: with a message
--- http_config eval: $main::server
--- config
--- script
my $r = grpc('/x', message());
is($r->{headers}{'grpc-status'}, 13, "$name - grpc-status");
ok(parse_challenge($r->{headers}{'www-authenticate'}), "$name - challenge");
is($r->{frames}[0], 'HEADERS', "$name - answered");
--- invoices: 1


=== TEST 3: the same types with a suffix; other types are not gRPC
--- http_config eval: $main::server
--- config
--- script
for (['application/grpc+proto', 200], ['application/grpc-web', 200],
     ['APPLICATION/GRPC', 200], ['application/json', 402],
     ['text/application/grpc', 402])
{
    my ($type, $status) = @$_;
    my $r = nghttp('/x', '-H', "content-type: $type");
    is($r->{headers}{':status'}, $status, "$name - $type");
    is($r->{headers}{'grpc-status'}, $status == 200 ? 13 : undef,
        "$name - $type - grpc-status");
}


=== TEST 4: other refusals
--- http_config eval: $main::server
--- config
--- script
my $r = grpc('/x', '-H', 'authorization: L402 x');
is("$r->{headers}{':status'} $r->{headers}{'grpc-status'}", '200 16',
    "$name - malformed");
is($r->{headers}{'grpc-message'}, 'malformed credential', "$name - message");
is($r->{headers}{'www-authenticate'}, 'L402 error="malformed"',
    "$name - and says so");
$r = grpc('/down');
is("$r->{headers}{':status'} $r->{headers}{'grpc-status'}", '200 14',
    "$name - no invoice");
is($r->{headers}{'retry-after'}, 5, "$name - Retry-After");
$r = grpc('/price?p=x');
is("$r->{headers}{':status'} $r->{headers}{'grpc-status'}", '200 13',
    "$name - no price");
is($r->{headers}{'www-authenticate'}, undef, "$name - and no challenge");
is($r->{headers}{'grpc-message'}, 'internal error', "$name - message");


=== TEST 5: a credential in the metadata of a client
--- http_config eval: $main::server
--- config
--- user_files
>>> x
content
--- script
for my $field ('authorization: ' . credential(), 'macaroon: '
    . hex_credential(), 'grpc-metadata-macaroon: ' . hex_credential())
{
    my $r = grpc('/x', '-H', $field);
    is($r->{headers}{':status'}, 200, "$name - HTTP status");
    is($r->{headers}{'grpc-status'}, undef, "$name - not answered here");
    is($r->{headers}{'content-length'}, 8, "$name - content");
}
--- invoices: 0


=== TEST 6: over HTTP/1.1
--- config
    location / { l402 weather; l402_price 1sat; }
--- script
my $c = connection();
for (1, 2) {
    my $r = $c->request('POST', '/x', ['Content-Type: application/grpc'],
        "\0\0\0\0\5hello");
    is($r->{status}, 200, "$name - HTTP 200");
    is($r->{headers}{'grpc-status'}[0], 13, "$name - grpc-status");
    is($r->{headers}{'content-type'}[0], 'application/grpc', "$name - type");
    is($r->{body}, '', "$name - no body");
    ok(parse_challenge($r->{headers}{'www-authenticate'}[0]),
        "$name - challenge");
}
--- invoices: 2


=== TEST 7: HTTP/2 without gRPC
--- http_config eval: $main::server
--- config
--- script
my $r = nghttp('/x');
is($r->{headers}{':status'}, 402, "$name - status");
ok(parse_challenge($r->{headers}{'www-authenticate'}), "$name - challenge");
is(join(' ', $r->{frames}->@*), 'HEADERS DATA', "$name - a body");
is($r->{flags} & 1, 1, "$name - END_STREAM");
$r = nghttp('/x', '-H', ':method: HEAD');
is($r->{headers}{':status'}, 402, "$name - HEAD - status");
is(join(' ', $r->{frames}->@*), 'HEADERS', "$name - HEAD - no body");
--- invoices: 2
