package local.fr;

import java.io.IOException;
import java.io.Reader;
import java.util.*;
import java.util.function.UnaryOperator;
import java.util.regex.*;
import org.apache.lucene.analysis.*;
import org.apache.lucene.analysis.LowerCaseFilter;
import org.apache.lucene.analysis.charfilter.*;
import org.apache.lucene.analysis.core.*;
import org.apache.lucene.analysis.en.*;
import org.apache.lucene.analysis.fr.*;
import org.apache.lucene.analysis.miscellaneous.*;
import org.apache.lucene.analysis.ngram.*;
import org.apache.lucene.analysis.pattern.*;
import org.apache.lucene.analysis.snowball.SnowballFilter;
import org.apache.lucene.analysis.tokenattributes.CharTermAttribute;
import org.apache.lucene.analysis.util.ElisionFilter;
import org.elasticsearch.common.regex.Regex;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.index.analysis.*;
import org.elasticsearch.index.analysis.CharFilterFactory; // Lucene has classes of the same three names
import org.elasticsearch.index.analysis.TokenFilterFactory;
import org.elasticsearch.index.analysis.TokenizerFactory;
import org.elasticsearch.indices.analysis.AnalysisModule.AnalysisProvider;
import org.elasticsearch.plugins.*;

/** Lucene's filters under the names of the (unpublished) analysis-common module. Lowercase, stop: see also the server. */
public final class FrAnalysisPlugin extends Plugin implements AnalysisPlugin {
    interface Op extends UnaryOperator<TokenStream> {}

    /** single is the form with one token out, used before synonyms and in normalizers; null if there is none. */
    static class Filter extends AbstractTokenFilterFactory {
        final Op op, single;
        Filter(String name, Op op, Op single) { super(name); this.op = op; this.single = single; }
        @Override public TokenStream create(TokenStream in) { return op.apply(in); }
        @Override public TokenFilterFactory getSynonymFilter() {
            if (single == null) throw new IllegalArgumentException("Token filter [" + name() + "] cannot be used to parse synonyms");
            return new Filter(name(), single, single);
        }
    }

    /** Works on characters only, so a normalizer may use it. */
    static final class CharsOnly extends Filter implements NormalizingTokenFilterFactory {
        CharsOnly(String name, Op op, Op single) { super(name, op, single); }
        @Override public TokenStream normalize(TokenStream in) { return single.apply(in); }
    }

    static class Chars extends AbstractCharFilterFactory {
        final UnaryOperator<Reader> op;
        Chars(String name, UnaryOperator<Reader> op) { super(name); this.op = op; }
        @Override public Reader create(Reader in) { return op.apply(in); }
    }

    static final class NormChars extends Chars implements NormalizingCharFilterFactory {
        NormChars(String name, UnaryOperator<Reader> op) { super(name, op); }
    }

    private static TokenFilterFactory one(String name, Op op) { return new Filter(name, op, op); }
    private static TokenFilterFactory chars(String name, Op op) { return new CharsOnly(name, op, op); }
    private static <T> AnalysisProvider<T> must(AnalysisProvider<T> p) { return AnalysisPlugin.requiresAnalysisSettings(p); }
    private static <T> T need(T value, String message) { if (value == null) throw new IllegalArgumentException(message); return value; }
    private static Pattern pattern(Settings s) { return Regex.compile(need(s.get("pattern"), "pattern is missing"), s.get("flags")); }

    private static Op stemmer(String language) {
        switch (language) {
            case "light_french": return FrenchLightStemFilter::new;
            case "minimal_french": return FrenchMinimalStemFilter::new;
            case "english", "porter": return PorterStemFilter::new;
            case "light_english", "kstem": return KStemFilter::new;
            case "minimal_english": return EnglishMinimalStemFilter::new;
            default: // french, german, spanish... : Snowball's stemmer of that name
                String name = Character.toUpperCase(language.charAt(0)) + language.substring(1);
                if (SnowballFilter.class.getResource("/org/tartarus/snowball/ext/" + name + "Stemmer.class") == null)
                    throw new IllegalArgumentException("Invalid stemmer class specified: " + language);
                return in -> new SnowballFilter(in, name);
        }
    }

    @Override public Map<String, AnalysisProvider<TokenFilterFactory>> getTokenFilters() {
        Map<String, AnalysisProvider<TokenFilterFactory>> m = new TreeMap<>();
        m.put("lowercase", (i, e, n, s) -> chars(n, LowerCaseFilter::new));
        m.put("uppercase", (i, e, n, s) -> chars(n, UpperCaseFilter::new));
        m.put("trim", (i, e, n, s) -> chars(n, TrimFilter::new));
        m.put("asciifolding", (i, e, n, s) -> {
            boolean both = s.getAsBoolean("preserve_original", false);
            return new CharsOnly(n, in -> new ASCIIFoldingFilter(in, both), ASCIIFoldingFilter::new);
        });
        m.put("elision", must((i, e, n, s) -> {
            CharArraySet articles = need(Analysis.parseArticles(e, s), "elision filter requires [articles] or [articles_path] setting");
            return chars(n, in -> new ElisionFilter(in, articles));
        }));
        m.put("pattern_replace", must((i, e, n, s) -> {
            Pattern p = pattern(s);
            return chars(n, in -> new PatternReplaceFilter(in, p, s.get("replacement", ""), s.getAsBoolean("all", true)));
        }));
        m.put("stemmer", (i, e, n, s) -> one(n, stemmer(s.get("language", s.get("name", "porter")))));
        m.put("keyword_marker", must((i, e, n, s) -> {
            List<String> words = need(Analysis.getWordList(e, s, "keywords"), "keyword filter requires either `keywords` or `keywords_path`");
            CharArraySet set = new CharArraySet(words, s.getAsBoolean("ignore_case", false));
            return one(n, in -> new SetKeywordMarkerFilter(in, set));
        }));
        m.put("truncate", must((i, e, n, s) -> { int l = s.getAsInt("length", 10); return one(n, in -> new TruncateTokenFilter(in, l)); }));
        m.put("unique", (i, e, n, s) -> {
            boolean same = s.getAsBoolean("only_on_same_position", false);
            return one(n, in -> same ? new RemoveDuplicatesTokenFilter(in) : new Unique(in));
        });
        m.put("edge_ngram", (i, e, n, s) -> {
            int lo = s.getAsInt("min_gram", 1), hi = s.getAsInt("max_gram", 2);
            boolean keep = s.getAsBoolean("preserve_original", false);
            return new Filter(n, in -> new EdgeNGramTokenFilter(in, lo, hi, keep), null);
        });
        m.put("pattern_capture", must((i, e, n, s) -> {
            Pattern[] p = need(s.getAsList("patterns", null), "required setting 'patterns' is missing for token filter").stream()
                .map(Pattern::compile).toArray(Pattern[]::new);
            boolean keep = s.getAsBoolean("preserve_original", true);
            return new Filter(n, in -> new PatternCaptureGroupTokenFilter(in, keep, p), null);
        }));
        m.put("synonym", must((i, e, n, s) -> new Synonyms(n, e, s, false)));
        m.put("synonym_graph", must((i, e, n, s) -> new Synonyms(n, e, s, true)));
        return m;
    }

    @Override public List<PreConfiguredTokenFilter> getPreConfiguredTokenFilters() {
        return List.of(PreConfiguredTokenFilter.singleton("elision", true, in -> new ElisionFilter(in, FrenchAnalyzer.DEFAULT_ARTICLES)));
    }

    @Override public Map<String, AnalysisProvider<CharFilterFactory>> getCharFilters() {
        return Map.of(
            "html_strip", (i, e, n, s) -> new Chars(n, HTMLStripCharFilter::new),
            "pattern_replace", must((i, e, n, s) -> {
                Pattern p = pattern(s);
                return new NormChars(n, in -> new PatternReplaceCharFilter(p, s.get("replacement", ""), in));
            }),
            "mapping", must((i, e, n, s) -> {
                NormalizeCharMap.Builder b = new NormalizeCharMap.Builder();
                for (String rule : need(Analysis.getWordList(e, s, "mappings"), "mapping requires either `mappings` or `mappings_path`")) {
                    int at = rule.lastIndexOf("=>");
                    if (at < 0) throw new IllegalArgumentException("Invalid mapping rule : [" + rule + "]");
                    b.add(unescape(rule.substring(0, at).trim()), unescape(rule.substring(at + 2).trim()));
                }
                NormalizeCharMap map = b.build();
                return new NormChars(n, in -> new MappingCharFilter(map, in));
            }));
    }

    private static final Pattern UNICODE = Pattern.compile("\\\\u([0-9a-fA-F]{4})"); // a backslash, u, four hexadecimal digits

    private static String unescape(String s) {
        return UNICODE.matcher(s).replaceAll(r -> Matcher.quoteReplacement("" + (char) Integer.parseInt(r.group(1), 16))).translateEscapes();
    }

    @Override public Map<String, AnalysisProvider<TokenizerFactory>> getTokenizers() {
        return Map.of(
            "keyword", (i, e, n, s) -> TokenizerFactory.newFactory(n, KeywordTokenizer::new),
            "whitespace", (i, e, n, s) -> {
                int longest = s.getAsInt("max_token_length", 255);
                return TokenizerFactory.newFactory(n, () -> new WhitespaceTokenizer(longest));
            });
    }

    @Override public Map<String, AnalysisProvider<AnalyzerProvider<? extends Analyzer>>> getAnalyzers() {
        return Map.of("french", (i, e, n, s) -> {
            FrenchAnalyzer french = new FrenchAnalyzer(Analysis.parseStopWords(e, s, FrenchAnalyzer.getDefaultStopSet()),
                Analysis.parseStemExclusion(s, CharArraySet.EMPTY_SET));
            return new AbstractIndexAnalyzerProvider<FrenchAnalyzer>(n) {
                @Override public FrenchAnalyzer get() { return french; }
            };
        });
    }

    static final class Unique extends FilteringTokenFilter {
        private final CharTermAttribute term = addAttribute(CharTermAttribute.class);
        private final Set<String> seen = new HashSet<>();
        Unique(TokenStream in) { super(in); }
        @Override protected boolean accept() { return seen.add(term.toString()); }
        @Override public void reset() throws IOException { super.reset(); seen.clear(); }
    }
}
