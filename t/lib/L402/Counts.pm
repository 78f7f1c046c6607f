# What the tests of counted requests have in common.

package L402::Counts;

use v5.36;
use Exporter 'import';
use IO::Socket::INET;
use L402::Gate qw(verdict);
use Time::HiRes qw(time sleep);

our @EXPORT = qw(free_port credential_field series_of until_true);

# A port that nobody listens on.
sub free_port {
    my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "no port: $!";
    return $s->sockport;
}

# Of what mint() returns.
sub credential_field ($m) { return "Authorization: $m->{authorization}" }

# What each request in turn is answered, with the header field that says what
# is left behind it.
sub series_of ($left, $connection, $fields, @paths) {
    return join ' ', map {
        my $r = $connection->get($_, ref $fields ? @$fields : $fields);
        my $word = $r->{status} == 200 ? 'ok' : $r->{status} == 402
            ? verdict($r) : $r->{status};
        "$word/" . ($r->{headers}{$left} // ['none'])->[0];
    } @paths;
}

sub until_true ($seconds, $code) {
    my $end = time + $seconds;
    sleep 0.02 until $code->() || time > $end;
    return $code->();
}

1;
