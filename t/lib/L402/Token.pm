# Macaroons and credentials, made without the module's code.

package L402::Token;

use v5.36;
use Digest::SHA qw(sha256_hex hmac_sha256);
use Exporter 'import';
use MIME::Base64 qw(encode_base64);

our @EXPORT = qw(test_key mint credential hex_credential);

# The master key of the configurations in t/*.t. Nothing else is made by it.
sub test_key { '6c' x 32 }

my $count = 0;

sub packet ($type, $data) {
    my ($n, $length) = (length $data, '');
    do {
        $length .= chr(($n & 0x7f) | ($n > 0x7f ? 0x80 : 0));
        $n >>= 7;
    } while $n;
    return chr($type) . $length . $data;
}

sub serialize_v2 ($m) {
    return "\x02"
        . (defined $m->{location} ? packet(1, $m->{location}) : '')
        . packet(2, $m->{identifier}) . "\0"
        . join('', map { packet(2, $_) . "\0" } $m->{caveats}->@*)
        . "\0" . packet(6, $m->{signature});
}

sub serialize_v1 ($m) {
    my $line = sub ($key, $value) {
        return sprintf('%04x', 6 + length "$key$value") . "$key $value\n";
    };
    return $line->(location => $m->{location} // '')
        . $line->(identifier => $m->{identifier})
        . join('', map { $line->(cid => $_) } $m->{caveats}->@*)
        . $line->(signature => $m->{signature});
}

# A token as the module mints it, a hash: macaroon (bytes), base64, preimage
# and payment_hash and token_id (hex), signature (bytes), authorization (the
# field's value). What can be told:
#   service, tier, valid_for (seconds, or undef: for ever); caveats, a list
#   instead of these; append, caveats behind them; key, preimage, token_id
#   (hex); payment_hash (hex, for one that is not the preimage's); version (of
#   the identifier); location (undef: no packet); signature (bytes);
#   format (2 or 1); scheme
sub mint (%with) {
    my %m = (
        service => 'weather', tier => 0, valid_for => 3600,
        key => test_key(), version => 0, location => 'lsat', format => 2,
        scheme => 'L402', append => [],
        preimage => sha256_hex("preimage $$ " . ++$count),
        token_id => sha256_hex("token $$ $count"),
        %with,
    );
    $m{payment_hash} //= sha256_hex(pack 'H*', $m{preimage});
    $m{identifier} //= pack 'n H64 H64',
        @m{qw(version payment_hash token_id)};

    $m{caveats} //= [
        "services=$m{service}:$m{tier}",
        defined $m{valid_for}
            ? "$m{service}_valid_until=" . (time + $m{valid_for}) : (),
    ];
    $m{caveats} = [ $m{caveats}->@*, $m{append}->@* ];

    # hmac_sha256 takes the data first, the key last.
    my $root = hmac_sha256("l402 root key v0$m{identifier}",
                           pack 'H*', $m{key});
    my $s = hmac_sha256($m{identifier},
                        hmac_sha256($root, 'macaroons-key-generator'));
    $s = hmac_sha256($_, $s) for $m{caveats}->@*;
    $m{signature} //= $s;

    $m{macaroon} = $m{format} == 1 ? serialize_v1(\%m) : serialize_v2(\%m);
    $m{base64} = encode_base64($m{macaroon}, '');
    $m{authorization} = "$m{scheme} $m{base64}:$m{preimage}";
    return \%m;
}

# The value of an Authorization field that a location with `l402 weather`
# lets in; options as mint() has them.
sub credential (%with) {
    return mint(%with)->{authorization};
}

# The value of a Macaroon or Grpc-Metadata-Macaroon field.
sub hex_credential (%with) {
    $with{preimage} //= sha256_hex("preimage $$ hex " . ++$count);
    push $with{append}->@*, "preimage=$with{preimage}";
    return unpack 'H*', mint(%with)->{macaroon};
}

1;
