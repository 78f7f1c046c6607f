# The gate over HTTP/2, seen by nghttp.

use v5.36;
use lib 't/lib';
use Test::Nginx::Socket 'no_plan';
use L402;

our $config = <<'END';
    server {
        listen 127.0.0.1:$TEST_NGINX_STREAM_PORT http2;
        client_body_buffer_size 1k;
        client_body_in_file_only on;
        l402_price 10sat;
        location /weather/ {
            l402 weather;
            proxy_pass http://127.0.0.1:$TEST_NGINX_BACKEND_PORT;
        }
        location /try/ { l402 weather; try_files /secret.txt =404; }
        location /return/ { l402 weather; return 200 "secret\n"; }
        location /open/ { return 200 "open\n"; }
    }
END

my $body_file = write_secret('body', 'a body, ' x 40_000);

# Requests on one connection; nghttp asks for the same path but once. Returns
# { status, challenge, fields (name: value lines) } for each of them in their
# order, and all that nghttp has written.
sub nghttp ($options, @paths) {
    my $base = "http://127.0.0.1:$ENV{TEST_NGINX_STREAM_PORT}";
    open my $out, '-|', 'timeout', '15', 'nghttp', '--verbose', '--no-dep',
        @$options, map { "$base$_" } @paths or die "nghttp: $!";
    local $/;
    my $text = <$out> =~ s/\e\[[0-9;]*m//gr;
    close $out;

    my %streams;
    while ($text =~ /recv \(stream_id=(\d+)\) (\S+): (.*)/g) {
        my $stream = $streams{$1} //= { fields => '' };
        $stream->{fields} .= "$2: $3\n";
        $stream->{status} = $3 if $2 eq ':status';
    }
    for my $id (keys %streams) {
        ($streams{$id}{challenge}) =
            $streams{$id}{fields} =~ /^www-authenticate: (.*)$/m;
    }
    return map({ $streams{$_} } sort { $a <=> $b } keys %streams), $text;
}

sub post { return ('--data', $body_file, '-H', ":method: $_[0]") }

sub nothing_on_disk ($name) {
    my @files = glob "$Test::Nginx::Util::ServRoot/client_body_temp/*";
    is_deeply(\@files, [], "$name - nothing on the disk");
}

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: unpaid, whatever the method
--- http_config eval: $main::config
--- config
--- script
for my $method (qw(GET HEAD DELETE OPTIONS PROPFIND)) {
    my ($r) = main::nghttp(['-H', ":method: $method"], '/weather/');
    is($r->{status}, 402, "$name - $method");
    ok(parse_challenge($r->{challenge}), "$name - $method - a challenge");
    like($r->{fields}, qr/^cache-control: no-store$/m, "$name - $method");
}
--- invoices: 5
--- backend: 0



=== TEST 2: unpaid bodies
--- http_config eval: $main::config
--- config
--- script
for my $method (qw(POST PUT PATCH DELETE)) {
    my ($r) = main::nghttp([main::post($method)], '/weather/');
    is($r->{status}, 402, "$name - $method");
    ok(parse_challenge($r->{challenge}), "$name - $method - a challenge");
    my ($bare) = main::nghttp([main::post($method), '--no-content-length'],
                              '/weather/');
    is($bare->{status}, 402, "$name - $method - of unknown length");
}
main::nothing_on_disk($name);
--- invoices: 8
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 3: many on one connection
--- http_config eval: $main::config
--- config
--- script
my @streams = main::nghttp([], map { ("/weather/$_", "/open/$_") } 1 .. 5);
my $text = pop @streams;
is(join(' ', sort map { $_->{status} } @streams),
   join(' ', (200) x 5, (402) x 5), "$name - each has its own");
my %invoices = map { parse_challenge($_->{challenge})->{invoice}, 1 }
    grep { $_->{challenge} } @streams;
is(scalar keys %invoices, 5, "$name - an invoice each");
is(scalar(() = $text =~ /^open$/mg), 5, "$name - and the open ones' content");
unlike($text, qr/GOAWAY.*error_code=(?!NO_ERROR)/, "$name - no error");
--- invoices: 5
--- backend: 0



=== TEST 4: unpaid bodies on one connection
--- http_config eval: $main::config
--- config
--- script
my @streams = main::nghttp([main::post('POST')],
                           map { "/weather/$_" } 1 .. 4);
pop @streams;
is(join(' ', map { $_->{status} // '-' } @streams), '402 402 402 402', $name);
main::nothing_on_disk($name);
--- invoices: 4
--- backend: 0
--- no_error_log
buffered to a temporary file



=== TEST 5: paid
--- http_config eval: $main::config
--- config
--- script
my ($r, $text) = main::nghttp([], '/weather/');
my $paid = buy($r->{challenge});
for my $field ("authorization: $paid->{authorization}",
               'macaroon: ' . hex_credential(),
               'grpc-metadata-macaroon: ' . hex_credential()) {
    ($r, $text) = main::nghttp(['-H', $field, '-H', 'x-one: 1'], '/weather/');
    is($r->{status}, 200, "$name - 200");
    like($text, qr/content of the backend/, "$name - content");
    unlike((backend_requests())[-1], qr/^(?:authorization|\S*macaroon):/mi,
           "$name - the credential is taken off");
    like((backend_requests())[-1], qr/^x-one: 1\r$/mi, "$name - no other");
}
($r) = main::nghttp([main::post('PUT'),
                     '-H', "authorization: $paid->{authorization}"],
                    '/weather/');
is($r->{status}, 200, "$name - with a body");
like((backend_requests())[-1], qr/\r\n\r\n(?:a body, ){40000}\z/,
     "$name - which arrives whole");
--- invoices: 1
--- backend: 4



=== TEST 6: neither files nor the rewrite phase's answers
--- http_config eval: $main::config
--- config
--- user_files
>>> secret.txt
secret
--- script
my ($r, $text) = main::nghttp([], '/try/');
is($r->{status}, 402, "$name - a file");
unlike($text, qr/^secret/m, "$name - no content");
for my $method (qw(GET HEAD POST)) {
    ($r, $text) = main::nghttp(['-H', ":method: $method"], '/return/');
    is($r->{status}, 500, "$name - return");
    unlike($text, qr/^secret/m, "$name - no content");
}
my @streams = main::nghttp([], '/return/', '/open/');
like(pop @streams, qr/^open$/m, "$name - the connection goes on");
($r) = main::nghttp(['-H', 'authorization: ' . credential()], '/try/');
is($r->{status}, 200, "$name - paid");
--- invoices: 1
--- backend: 0



=== TEST 7: a preflight
--- http_config eval: $main::config
--- config
--- script
my ($r) = main::nghttp(['-H', ':method: OPTIONS', '-H', 'origin: https://a',
                        '-H', 'access-control-request-method: GET'],
                       '/weather/');
is($r->{status}, 204, "$name - 204");
is($r->{challenge}, undef, "$name - no challenge");
like($r->{fields}, qr/^access-control-allow-origin: \*$/m, "$name - allowed");
--- invoices: 0
--- backend: 0
