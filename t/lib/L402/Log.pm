# An access log of the test's own, read line by line as it grows.

package L402::Log;

use v5.36;
use Exporter 'import';
use Time::HiRes qw(sleep);

our @EXPORT = qw(access_log fresh_log logged);

my $read = 0;

# For http {}. Bytes that are no text are written as \xXX.
sub access_log ($format) {
    return "    log_format l402_test '$format';\n"
        . "    access_log logs/l402_test.log l402_test;\n";
}

# Each block of Test::Nginx begins with an empty one.
sub fresh_log { $read = 0 }

# The next line. A request is logged after its response has left.
sub logged {
    my $file = "$Test::Nginx::Util::ServRoot/logs/l402_test.log";
    for (1 .. 1000) {
        my @lines = do { open my $in, '<', $file; $in ? <$in> : () };
        if (@lines > $read && $lines[$read] =~ s/\n\z//) {
            return $lines[$read++];
        }
        sleep 0.01;
    }
    die "no line in the log\n";
}

1;
