package clickstream.test;

import java.util.Map;
import java.util.regex.Pattern;
import org.apache.lucene.analysis.TokenStream;
import org.apache.lucene.analysis.Tokenizer;
import org.apache.lucene.analysis.core.LowerCaseFilter;
import org.apache.lucene.analysis.email.UAX29URLEmailTokenizer;
import org.apache.lucene.analysis.miscellaneous.RemoveDuplicatesTokenFilter;
import org.apache.lucene.analysis.pattern.PatternCaptureGroupTokenFilter;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.AbstractTokenFilterFactory;
import org.elasticsearch.index.analysis.AbstractTokenizerFactory;
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.AnalysisPlugin;
import org.elasticsearch.plugins.Plugin;

/**
 * The analyzer of the security index is made of four parts that the distribution in Maven has as classes, but whose
 * module (analysis-common) it lacks: without them no API key and no role can be stored.
 */
public final class AnalysisFilters extends Plugin implements AnalysisPlugin {

  private interface Filter {
    TokenStream apply(Settings settings, TokenStream input);
  }

  private static AnalysisProvider<TokenFilterFactory> filter(Filter filter) {
    return (index, environment, name, settings) ->
        new AbstractTokenFilterFactory(name, settings) {
          @Override
          public TokenStream create(TokenStream input) {
            return filter.apply(settings, input);
          }
        };
  }

  private static TokenStream captured(Settings settings, TokenStream input) {
    Pattern[] patterns =
        settings.getAsList("patterns").stream().map(Pattern::compile).toArray(Pattern[]::new);
    return new PatternCaptureGroupTokenFilter(
        input, settings.getAsBoolean("preserve_original", true), patterns);
  }

  @Override
  public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
    return Map.of(
        "pattern_capture",
        AnalysisPlugin.requiresAnalysisSettings(filter(AnalysisFilters::captured)),
        "lowercase",
        filter((settings, input) -> new LowerCaseFilter(input)),
        "unique",
        filter((settings, input) -> new RemoveDuplicatesTokenFilter(input)));
  }

  @Override
  public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
    return Map.of(
        "uax_url_email",
        (index, environment, name, settings) ->
            new AbstractTokenizerFactory(index, settings, name) {
              @Override
              public Tokenizer create() {
                return new UAX29URLEmailTokenizer();
              }
            });
  }
}
