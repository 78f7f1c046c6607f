# nginx -t, and what it says about a configuration.
#
#   refused($name, $message, location => 'l402 on; # here');
#
# The line that ends in "# here" is the one that the message has to name.
# Parts: http (a working key file and invoice service unless given), server,
# location; or conf, the inside of http{} as a whole.
package L402::Conf;

use strict;
use warnings;

use Exporter 'import';
use File::Path qw(make_path remove_tree);
use IPC::Open3;
use Test::More;

our @EXPORT = qw(refused accepted warned file dir run_nginx_t
    $key $good_http $node);

our $key = 'c0ffee' x 10 . 'feed';

my $build = $ENV{L402_BUILD} // 'build';
my $root = "$build/conf-t";

remove_tree($root);
make_path($root);
END { remove_tree($root) }

# An absolute path: nginx takes others as relative to its configuration.
chomp($root = `realpath $root`);

sub dir { $root }

# Writes a file and returns its path. Mode 600 unless told.
sub file {
    my ($name, $content, $mode) = @_;
    my $path = "$root/$name";
    open my $out, '>:raw', $path or die "$path: $!";
    print $out $content;
    close $out or die "$path: $!";
    chmod $mode // 0600, $path or die "$path: $!";
    return $path;
}

our $node = 'l402_invoice_service node { protocol lnd;'
    . ' url http://127.0.0.1:1; network regtest; }';
our $good_http = 'l402_key_file ' . file('keys', "$key\n") . ";\n$node";

sub write_conf {
    my (%part) = @_;
    my $http = $part{http} // $good_http;
    my $server = $part{server} // '';
    my $location = defined $part{location}
        ? "location / {\n$part{location}\n}" : '';
    my $inside = $part{conf} // <<"END";
$http
server {
    listen unix:$root/socket;
$server
$location
}
END
    return file('nginx.conf', <<"END");
load_module $ENV{L402_MODULE};
pid $root/pid;
events { }
http {
    access_log off;
$inside
}
END
}

# Exit status, and the lines that nginx wrote but for the last, which says
# whether all is well.
sub run_nginx_t {
    my ($conf, @wrapper) = @_;
    # nginx -t leaves its memory to the end of the process.
    local $ENV{ASAN_OPTIONS} = "$ENV{ASAN_OPTIONS},detect_leaks=0"
        if $ENV{ASAN_OPTIONS};
    my $pid = open3(my $in, my $out, undef, 'timeout', 20, @wrapper,
        $ENV{L402_NGINX}, '-t', '-e', 'stderr', '-p', $root, '-c', $conf);
    close $in;
    my @lines = <$out>;
    waitpid $pid, 0;
    my $status = $?;
    unlink "$root/socket";
    chomp @lines;
    @lines = grep { !/^nginx: (the )?configuration file / } @lines;
    s/^(nginx:|[\d\/]+ [\d:]+) // for @lines;
    s/^(\[\w+\]) \d+#\d+:/$1/ for @lines;
    return ($status >> 8 || $status, @lines);
}

# " in <file>:<line>" of the line marked so.
sub place {
    my ($conf, $mark) = @_;
    open my $in, '<', $conf or die "$conf: $!";
    while (my $line = <$in>) {
        return " in $conf:$." if $line =~ /\Q$mark\E\s*$/;
    }
    return '';
}

sub refused {
    my ($name, $message, %part) = @_;
    my $conf = write_conf(%part);
    my ($status, @lines) = run_nginx_t($conf);

    subtest $name => sub {
        is($status, 1, 'nginx -t refuses');
        is(join("\n", grep { !/^\[warn\]/ } @lines),
            "[emerg] $message" . place($conf, '# here'), 'and says why');
        unlike("@lines", qr/\Q$key\E/, 'but not the key');
    };
}

# What stands in brackets, a system's own words, is left out.
sub warned {
    my ($name, $messages, %part) = @_;
    my $conf = write_conf(%part);
    my ($status, @lines) = run_nginx_t($conf, @{ $part{wrapper} // [] });
    s/ \([^()]*\);/ (...);/ for @lines;
    my @want;
    for my $message (@$messages) {
        my ($text, $mark) = ref $message ? @$message : ($message, '# here');
        push @want, "[warn] $text" . place($conf, $mark);
    }

    subtest $name => sub {
        is($status, 0, 'nginx -t accepts');
        is(join("\n", @lines), join("\n", @want), 'with these warnings');
    };
}

sub accepted {
    my ($name, %part) = @_;
    warned($name, [], %part);
}

1;
