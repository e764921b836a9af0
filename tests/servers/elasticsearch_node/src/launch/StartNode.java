import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.bootstrap.BootstrapInfo;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** Starts the published Elasticsearch server: programs from a shared home, configuration and data from a folder of the run's own. */
public final class StartNode {
    public static void main(String[] args) throws Exception {
        Path home = Path.of(System.getProperty("es.path.home")).toAbsolutePath();
        BootstrapInfo.init();
        LogConfigurator.configureESLogging(); // before the first org.elasticsearch.logging call
        Settings base = Settings.builder().put("path.home", home.toString()).build();
        Environment env = InternalSettingsPreparer.prepareEnvironment(
            base, Map.of("http.port", args[0]), Path.of(System.getProperty("es.path.conf")).toAbsolutePath(), () -> "node-1");
        LogConfigurator.configure(env, true);
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(env.modulesDir(), false),
            PluginsLoader.loadPluginsBundles(env.pluginsDir(), false),
            Map.of());
        Node node = new Node(env, plugins);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.prepareForClose();
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            } finally {
                stopped.countDown();
            }
        }, "stop-node"));
        node.start();
        stopped.await();
    }
}
