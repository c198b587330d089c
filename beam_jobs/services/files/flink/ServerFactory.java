package org.apache.beam.sdk.fn.server;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.beam.model.pipeline.v1.Endpoints.ApiServiceDescriptor;
import org.apache.beam.sdk.fn.channel.SocketAddressFactory;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.BindableService;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.Server;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.ServerInterceptors;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.netty.NettyServerBuilder;

/**
 * Stands before Beam's class of this name on the class path of the local cluster. Beam's own takes only the port of
 * the address that it is given and listens on every interface; this one listens at that address, or on loopback if
 * none is given. It has the constructors' methods that the job server and the TaskManager call, and no others.
 */
public abstract class ServerFactory {
  private static final long KEEP_ALIVE_S = 20;

  public static ServerFactory createDefault() {
    return new AtItsAddress(UrlFactory.createDefault(), () -> 0);
  }

  public static ServerFactory createWithUrlFactory(UrlFactory urls) {
    return new AtItsAddress(urls, () -> 0);
  }

  public static ServerFactory createWithPortSupplier(Supplier<Integer> ports) {
    return new AtItsAddress(UrlFactory.createDefault(), ports);
  }

  public static ServerFactory createWithUrlFactoryAndPortSupplier(UrlFactory urls, Supplier<Integer> ports) {
    return new AtItsAddress(urls, ports);
  }

  public abstract Server allocateAddressAndCreate(List<BindableService> services, ApiServiceDescriptor.Builder where)
      throws IOException;

  public abstract Server create(List<BindableService> services, ApiServiceDescriptor where) throws IOException;

  /** Makes the text of an address. */
  public interface UrlFactory {
    String createUrl(String host, int port);

    static UrlFactory createDefault() {
      return (host, port) -> host + ":" + port;
    }
  }

  private static final class AtItsAddress extends ServerFactory {
    private final UrlFactory urls;
    private final Supplier<Integer> ports;

    AtItsAddress(UrlFactory urls, Supplier<Integer> ports) {
      this.urls = urls;
      this.ports = ports;
    }

    @Override
    public Server allocateAddressAndCreate(List<BindableService> services, ApiServiceDescriptor.Builder where)
        throws IOException {
      InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), ports.get());
      Server server = started(services, loopback);
      where.setUrl(urls.createUrl(loopback.getAddress().getHostAddress(), server.getPort()));
      return server;
    }

    @Override
    public Server create(List<BindableService> services, ApiServiceDescriptor where) throws IOException {
      return started(services, SocketAddressFactory.createFrom(where.getUrl()));
    }

    private static Server started(List<BindableService> services, SocketAddress address) throws IOException {
      NettyServerBuilder builder = NettyServerBuilder.forAddress(address);
      builder.maxInboundMessageSize(Integer.MAX_VALUE).permitKeepAliveTime(KEEP_ALIVE_S, TimeUnit.SECONDS);
      for (BindableService service : services) {
        builder.addService(ServerInterceptors.intercept(service, GrpcContextHeaderAccessorProvider.interceptor()));
      }
      return builder.build().start();
    }
  }
}
