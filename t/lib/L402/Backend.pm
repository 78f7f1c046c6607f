# An upstream that writes down, to the byte, what reached it.

package L402::Backend;

use v5.36;
use IO::Select;
use IO::Socket::INET;

# Answers 200 with "content of the backend". What the query says changes
# that: status=503, and header=Name:value, as often as wanted.
sub start ($class, $file) {
    my $listener = IO::Socket::INET->new(
        Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1)
        or die "backend: $!";
    my $self = bless {
        port => $listener->sockport, file => $file, parent => $$ }, $class;

    open my $out, '>', $file or die "$file: $!";
    $self->{pid} = fork() // die "backend: $!";
    if ($self->{pid} == 0) {
        $SIG{TERM} = sub { require POSIX; POSIX::_exit(0) };
        $SIG{PIPE} = 'IGNORE';
        $out->autoflush;
        serve($listener, $out, $self->{parent});
        require POSIX;
        POSIX::_exit(0);
    }
    return $self;
}

sub stop ($self) {
    return unless $self->{pid} && $self->{parent} == $$;
    kill TERM => $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{pid} = 0;
}

sub forget ($self) {
    truncate $self->{file}, 0;
}

# The requests since forget(), each as it came, body included.
sub requests ($self) {
    open my $in, '<:raw', $self->{file} or die "$self->{file}: $!";
    local $/;
    my $text = <$in> // '';
    my @requests;
    while ($text =~ s/^(\d+)\n//) {
        push @requests, substr $text, 0, $1, '';
    }
    return @requests;
}

sub serve ($listener, $out, $parent) {
    my $select = IO::Select->new($listener);
    my %buffer;

    while (getppid == $parent) {
        for my $socket ($select->can_read(1)) {
            if ($socket == $listener) {
                my $client = $listener->accept or next;
                $select->add($client);
                $buffer{$client} = '';
                next;
            }
            my $read = sysread $socket, $buffer{$socket}, 65536,
                length $buffer{$socket};
            my $whole = $read && whole_length($buffer{$socket});
            next if $read && !$whole;
            if ($read) {
                my $request = substr $buffer{$socket}, 0, $whole;
                # For those who truncate the file.
                seek $out, 0, 2;
                print $out length($request) . "\n$request";
                syswrite $socket, answer($request);
            }
            $select->remove($socket);
            delete $buffer{$socket};
            close $socket;
        }
    }
}

# 0: there is more to come.
sub whole_length ($text) {
    $text =~ /\r\n\r\n/ or return 0;
    my $head = $+[0];
    if (substr($text, 0, $head) =~ /^Content-Length: *(\d+)/mi) {
        return length $text >= $head + $1 ? $head + $1 : 0;
    }
    if (substr($text, 0, $head) =~ /^Transfer-Encoding: *chunked/mi) {
        return index($text, "0\r\n\r\n", $head) >= 0 ? length $text : 0;
    }
    return $head;
}

sub answer ($request) {
    my ($method, $query) = $request =~ /^(\S+) [^ ?]*(?:\?(\S*))?/;
    my ($status, @headers) = (200);
    for (split /&/, $query // '') {
        s/%([0-9a-fA-F]{2})/chr hex $1/ge;
        $status = $1 if /^status=(\d+)/;
        push @headers, "$1: $2\r\n" if /^header=([\w-]+):(.*)/;
    }
    my $body = "content of the backend\n";
    return "HTTP/1.1 $status Status\r\nContent-Type: text/plain\r\n"
        . 'Content-Length: ' . length($body) . "\r\n" . join('', @headers)
        . "Connection: close\r\n\r\n" . ($method eq 'HEAD' ? '' : $body);
}

1;
